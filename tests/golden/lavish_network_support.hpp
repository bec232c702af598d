#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/lavish.hpp>

#include "rounding_support.hpp"

/// The networks of LAVISH as the metadata of a golden file configures them.
namespace golden_lavish {

namespace mf = multifuse;
namespace lavish = multifuse::lavish;
using mf::isize;
using D = mf::cpu<float>;

template <class C> constexpr lavish::adaptation adaptation_of() {
  static_assert(C::is_audio_adapter_p1 && C::is_audio_adapter_p2 && C::start_tune_layers == 0,
                "the official code has no network without some of its adapters");
  lavish::adaptation a;
  a.latents = C::num_tokens, a.reduction = C::Adapter_downsample, a.groups = C::num_conv_group;
  a.multimodal = C::is_multimodal;
  a.batch_norm = C::is_bn, a.norm_before = C::is_before_layernorm, a.norm_after = C::is_post_layernorm;
  a.audio_gate = C::is_gate;
  return a;
}

template <class M> std::string official_name() { return std::is_same_v<M, lavish::audio> ? "audio" : "vis"; }

/// Collects what a network computes, under the names of the file.
struct notes {
  golden::named_numbers found;

  template <mf::value X> void note(const std::string& name, const X& x) {
    found[name] = mf::plain_tensor(mf::evaluate(x)).to_host();
  }
  /// `of(modality)` of both modalities as `output.<name>.audio` and `output.<name>.vis`.
  template <class F> void note_both(const std::string& name, const F& of) {
    note("output." + name + ".audio", of(static_cast<lavish::audio*>(nullptr)));
    note("output." + name + ".vis", of(static_cast<lavish::visual*>(nullptr)));
  }
  template <class B> void note_bundle(const std::string& name, const B& b) {
    note_both(name, [&]<class M>(M*) { return mf::get<M>(b); });
  }

  /// What one half of a layer adds: its two adapters and the frozen branch of its block.
  template <class Layers, class B, class Member, class Branch>
  void note_half(const Layers& layers, const B& b, isize layer, const std::string& half, isize number, Member member,
                 const std::string& name, const Branch& branch) {
    const auto adapter = [&]<class M>(M*) {
      note("output." + official_name<M>() + "_adapter_blocks_" + half + "." + std::to_string(number),
           layers.template adapted<M>(member(layers.template adapters_for<M>(layer)), mf::get<M>(b), b));
    };
    adapter(static_cast<lavish::audio*>(nullptr));
    adapter(static_cast<lavish::visual*>(nullptr));
    note_both(name, [&]<class M>(M*) { return branch(mf::get<M>(b)); });
  }

  /// Runs a row of adapted blocks. `first` is the number of its first block in the network; the others are the official
  /// names of the row and of the two branches of a block.
  template <class Layers, class B>
  B run_layers(const Layers& layers, B b, isize depth, isize first, const std::string& row,
               const std::string& attention, const std::string& mlp) {
    for (isize k = 0; k < depth; ++k) {
      const std::string block = row + std::to_string(k) + ".";
      note_half(
          layers, b, k, "p1", first + k, [](const auto& pair) -> const auto& { return pair.attention; },
          block + attention, [&](const auto& x) { return layers.blocks[k].attention_branch(x); });
      b = layers.attention_step(b, k);
      note_half(
          layers, b, k, "p2", first + k, [](const auto& pair) -> const auto& { return pair.mlp; }, block + mlp,
          [&](const auto& x) { return layers.blocks[k].mlp_branch(x); });
      b = layers.mlp_step(b, b, k);
    }
    return b;
  }
};

/// A file's images are channels first.
template <mf::value X> auto channels_last(const X& image) {
  return mf::permute<mf::batch_axis, mf::rows_axis, mf::columns_axis, mf::channels_axis>(image);
}

/// Spectrograms, images, labels of a file.
template <class C, class Audio> struct inputs {
  using images = mf::shape<mf::batch<>, mf::channels<3>, mf::rows<C::img_size>, mf::columns<C::img_size>>;
  using classes = mf::shape<mf::batch<>, mf::width<C::n_class>>;
  mf::tensor<D, Audio> audio;
  mf::tensor<D, images> visual;
  mf::tensor<D, classes> labels;

  explicit inputs(golden::file& file)
      : audio(file.tensor<D>("input.audio", audio_shape(file))),
        visual(file.tensor<D>("input.vis", images(C::b * C::t))),
        labels(file.tensor<D>("input.gt", classes(C::b * C::t))) {}
  static Audio audio_shape(const golden::file& file) {
    const auto& shape = file.contents().at("input.audio").shape;  // [clips, seconds, rows, columns]
    return Audio::from({shape[0] * shape[1], shape[2], shape[3], 1});
  }
  inputs changed(const golden::last_bits& bits) const {
    inputs result = *this;
    result.audio = bits.changed(audio, "audio"), result.visual = bits.changed(visual, "visual");
    return result;
  }
};

/// Probabilities, loss, gradients and, in training, running statistics after one step.
template <class M, class Inputs>
golden::named_numbers run_pass(const M& model, const mf::name_table& table, const Inputs& in, bool training) {
  notes all;
  const std::string suffix = training ? "_train" : "";
  mf::tape tape(mf::tape_options{.training = training});
  const auto audio = mf::watch(tape, in.audio);
  const auto visual = mf::watch(tape, in.visual);
  const auto probabilities = model(audio, channels_last(visual));
  const auto loss = lavish::localization_loss(probabilities, in.labels);
  all.note("output" + suffix + ".prob", probabilities);
  all.note("loss" + suffix + ".bce", loss);
  mf::backward(loss);
  all.note("grad" + suffix + ".input.audio", audio.gradient());
  all.note("grad" + suffix + ".input.vis", visual.gradient());
  const auto collect = [&](mf::official_content content, const std::string& prefix, std::string_view part) {
    mf::for_each_official(model, table, content,
                          [&](const std::string& name, const auto&, const std::vector<float>& numbers) {
                            if (name.find(part) != std::string::npos) all.found[prefix + name] = numbers;
                          });
  };
  collect(mf::official_content::gradient, "grad" + suffix + ".", "");
  if (training) collect(mf::official_content::value, "output_train.", "running_");
  return all.found;
}

/// Compares both modes with the file.
template <class M, class Inputs>
void check_passes(golden::file& file, const M& model, const mf::name_table& table, const Inputs& in) {
  for (const bool training : {false, true})
    golden::expect_numbers(file, model, [&](const M& other, const golden::last_bits& bits) {
      return run_pass(other, table, in.changed(bits), training);
    });
}

/// The model writes back what it was given, under the same names and shapes.
template <class M> void check_names(golden::file& file, const M& model, const mf::name_table& table) {
  mf::for_each_official(
      model, table, mf::official_content::value,
      [&](const std::string& name, const std::vector<isize>& shape, const std::vector<float>& values) {
        CHECK(file.contents().at("param." + name).shape == shape);
        file.expect("param." + name, values, 0);
      });
}

/// A model with the parameters of the file.
template <class M> void load(golden::file& file, M& model, const mf::name_table& table, const std::string& backbone) {
  mf::initialize(model, 1);
  file.load(model, table);
  file.set_aside("param." + backbone + "head.",
                 "the classifier of the pretraining, which the official code does not use");
  file.set_aside("param.adapter_token_downsampler.", "the official code never uses it");
  check_names(file, model, table);
}

}  // namespace golden_lavish
