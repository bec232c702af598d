#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/fusion/tokenize.hpp>
#include <multifuse/io/checkpoint.hpp>
#include <multifuse/layers/embedding.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/losses/cross_entropy.hpp>
#include <multifuse/tape/gradient.hpp>
#include <multifuse/tensor/to_device.hpp>
#include <multifuse/train/adam.hpp>

#include "worker.hpp"

/// The library's side of the comparison: five families of fusion models in five sizes. models.py has the same in PyTorch,
/// with the same names of weights; a file with them, and one with inputs, make both compute the same.
namespace peers {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };
using both = mf::streams<video, audio>;

/// `apart` of the layers are unimodal where a family has such; inputs are patches that a linear layer embeds.
struct tiny32 {
  static constexpr std::string_view name = "tiny32";
  static constexpr isize width = 32, heads = 1, layers = 4, apart = 2, classes = 10;
  static constexpr isize video_tokens = 16, video_patch = 64, audio_tokens = 16, audio_patch = 32;
};
struct tiny64 : tiny32 {
  static constexpr std::string_view name = "tiny64";
  static constexpr isize width = 64, heads = 2;
};
struct small {
  static constexpr std::string_view name = "small";
  static constexpr isize width = 192, heads = 3, layers = 8, apart = 4, classes = 309;
  static constexpr isize video_tokens = 98, video_patch = 768, audio_tokens = 50, audio_patch = 256;
};
struct base : small {
  static constexpr std::string_view name = "base";
  static constexpr isize width = 768, heads = 12, layers = 12, apart = 8, video_tokens = 196, audio_tokens = 400;
};
struct base8 : base {
  static constexpr std::string_view name = "base8";
  static constexpr isize video_tokens = 8 * 196;
};

template <class Size, class M> inline constexpr isize token_count = Size::audio_tokens;
template <class Size> inline constexpr isize token_count<Size, video> = Size::video_tokens;
template <class Size, class M> inline constexpr isize patch_width = Size::audio_patch;
template <class Size> inline constexpr isize patch_width<Size, video> = Size::video_patch;

/// From patches [batch, tokens, patch width] to tokens with a class token in front and learned positions.
template <class Size> struct embedding {
  template <class M, class D, isize Width> struct of {
    mf::linear<D, patch_width<Size, M>, Width> projection;
    mf::class_token<D, Width> front;
    mf::learned_positions<D, token_count<Size, M> + 1, Width> positions;

    constexpr void members(auto&& visit) {
      visit("projection", projection), visit("front", front), visit("positions", positions);
    }
    constexpr auto operator()(const auto& x) const { return positions(front(projection(x))); }
  };
};

template <class D, class Size> using block = mf::transformer_block<D, Size::width, Size::heads>;

/// A model of the comparison: embeddings, the stages of a family, a head for each modality on its class token.
template <class D, class Size, class... Stages>
using network_of = mf::fusion_model<
    both, mf::tokenize<embedding<Size>::template of, D, Size::width>, Stages...,
    mf::late<mf::sequential<mf::layer_norm<D, Size::width>, mf::linear<D, Size::width, Size::classes>>,
             mf::mean_of_class_tokens>>;

/// A model with its weights and one batch of inputs.
template <class Network, class D, class Size> class inference : public contestant {
 public:
  /// Reads weights.safetensors and inputs.safetensors of the folder.
  explicit inference(const std::filesystem::path& folder, bool pack = true) : model_(std::make_unique<Network>()) {
    mf::load_model(folder / "weights.safetensors", *model_);
    const mf::safetensors_file inputs((folder / "inputs.safetensors").string());
    video_ = patches<video>(inputs, "video");
    audio_ = patches<audio>(inputs, "audio");
    if (pack) mf::pack_weights(*model_);
  }

  void call() override { logits_ = (*model_)(video_, audio_); }
  std::vector<float> output() override {
    call();
    const auto logits = logits_.to_host();
    return {logits.begin(), logits.end()};
  }

  /// A modality's samples.
  template <class M> static auto patches(const mf::safetensors_file& inputs, const std::string& name) {
    using shape = mf::shape<mf::batch<>, mf::tokens<token_count<Size, M>>, mf::width<patch_width<Size, M>>>;
    return mf::to_device<D>(mf::tensor<dev, shape>(shape(inputs.at(name).shape.at(0)), inputs.read<float>(name)));
  }
  template <class M>
  using patch_tensor = decltype(patches<M>(std::declval<const mf::safetensors_file&>(), std::string()));

 protected:
  std::unique_ptr<Network> model_;
  patch_tensor<video> video_;
  patch_tensor<audio> audio_;
  mf::tensor<D, mf::shape<mf::batch<>, mf::width<Size::classes>>> logits_;
};

/// Steps of AdamW.
template <class Network, class Size> class training : public inference<Network, dev, Size> {
 public:
  explicit training(const std::filesystem::path& folder)
      : inference<Network, dev, Size>(folder, false), optimizer_(*this->model_, mf::adam_options{.weight_decay = 0.01}) {
    const mf::safetensors_file inputs((folder / "inputs.safetensors").string());
    labels_ = {mf::shape<mf::batch<>>(this->video_.dims()[0]), inputs.read<std::int32_t>("labels")};
  }
  void call() override { step(); }
  double loss() override { return step().value().to_host()[0]; }

 private:
  auto step() {
    tape_.restart({.training = true});
    optimizer_.zero_gradients();
    const auto logits = (*this->model_)(mf::record(tape_, this->video_), mf::record(tape_, this->audio_));
    const auto loss = mf::cross_entropy(logits, labels_);
    mf::backward(loss);
    optimizer_.step(1e-4);
    return loss;
  }

  mf::tensor<mf::rebind<dev, std::int32_t>, mf::shape<mf::batch<>>> labels_;
  mf::tape tape_;
  mf::adam<dev> optimizer_;
};

using factory = std::unique_ptr<contestant> (*)(const std::filesystem::path& folder);

/// What can be measured, by "family/size inference", "... training" or "... bf16", which is inference in bf16.
inline std::map<std::string, factory>& factories() {
  static std::map<std::string, factory> all;
  return all;
}

/// Enters all sizes of a family, whose models are `Family::network<D, Size>::type`.
template <class Family> bool enter(const std::string& family) {
  const auto as = [&]<class Contestant>(Contestant*, std::string_view size, const std::string& mode) {
    factories()[family + "/" + std::string(size) + " " + mode] = [](const std::filesystem::path& folder) {
      return std::unique_ptr<contestant>(std::make_unique<Contestant>(folder));
    };
  };
  const auto one = [&]<class Size>(Size*) {
    using half = mf::cpu<mf::bf16>;
    using network = typename Family::template network<dev, Size>::type;
    using network_of_half = typename Family::template network<half, Size>::type;
    as(static_cast<inference<network, dev, Size>*>(nullptr), Size::name, "inference");
    as(static_cast<training<network, Size>*>(nullptr), Size::name, "training");
    as(static_cast<inference<network_of_half, half, Size>*>(nullptr), Size::name, "bf16");
  };
  one(static_cast<tiny32*>(nullptr)), one(static_cast<tiny64*>(nullptr)), one(static_cast<small*>(nullptr));
  one(static_cast<base*>(nullptr)), one(static_cast<base8*>(nullptr));
  return true;
}

}  // namespace peers
