#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/sft.hpp>

#include "support/golden.hpp"

/// SFT as the metadata of a golden file configures it.
namespace golden_sft {

namespace mf = multifuse;
namespace sft = multifuse::sft;
using mf::isize;
using D = mf::cpu<float>;

constexpr mf::pooling_kind kind_of(std::string_view name) {
  if (name == "max") return mf::pooling_kind::max;
  if (name == "avg") return mf::pooling_kind::average;
  if (name == "topk") return mf::pooling_kind::largest_values;
  if (name == "attn") return mf::pooling_kind::weighted_average;
  if (name == "attn_topk") return mf::pooling_kind::top_tokens;
  if (name == "attn_wkmedoids") return mf::pooling_kind::medoids;
  throw name;  // no constant expression
}

template <class C> constexpr sft::config config_of(bool sparse) {
  const auto stream = [](std::size_t m) {
    return sft::stream_config{C::in[m], C::seq[m], C::kernel[m], C::padding[m]};
  };
  sft::config c{stream(0), stream(1), stream(2)};
  c.width = C::dim, c.heads = C::heads, c.unimodal_depth = C::pre, c.fused_depth = C::post, c.classes = C::classes;
  c.pooling = kind_of(C::pool), c.kept = C::pool_k;
  if (sparse) c.sparse_stride = C::sparse_stride, c.sparse_expressivity = C::sparse_expressivity;
  return c;
}

template <class C> mf::tensor<mf::rebind<D, std::int32_t>, mf::shape<mf::batch<>>> labels_of(golden::file& file) {
  const auto labels = file.values("input.labels");
  return {mf::shape<mf::batch<>>(C::batch), std::vector<std::int32_t>(labels.begin(), labels.end())};
}

/// Targets [batch, classes] of labels.
template <class C> mf::tensor<D, mf::shape<mf::batch<>, mf::width<C::classes>>> one_hot(golden::file& file) {
  const auto labels = file.values("input.labels");
  std::vector<float> targets(labels.size() * std::size_t(C::classes), 0.0f);
  for (std::size_t i = 0; i < labels.size(); ++i) targets[i * std::size_t(C::classes) + std::size_t(labels[i])] = 1;
  return {mf::shape<mf::batch<>, mf::width<C::classes>>(C::batch), targets};
}

/// One mixture for each of `count` streams, from rows of weights [streams, batch].
inline std::vector<mf::mixup> mixtures(const std::vector<float>& index, const std::vector<float>& weights) {
  std::vector<mf::mixup> each;
  const std::vector<std::int32_t> partners(index.begin(), index.end());
  for (auto row = weights.begin(); row != weights.end(); row += std::ptrdiff_t(index.size()))
    each.emplace_back(partners, std::vector<double>(row, row + std::ptrdiff_t(index.size())));
  return each;
}

/// The model with the file's weights, and its inputs on a tape.
template <class C, bool Sparse> struct setting {
  static constexpr sft::config config = config_of<C>(Sparse);
  template <std::size_t M>
  using raw = mf::variable<D, mf::shape<mf::batch<>, mf::tokens<C::seq[M]>, mf::width<C::in[M]>>>;

  golden::file& file;
  sft::model<D, config> model;
  mf::name_table table = sft::official_names(model);
  mf::tape tape;
  raw<0> rgb;
  raw<1> spec;
  raw<2> text;

  explicit setting(golden::file& golden_file)
      : file(golden_file), rgb(input<0>("input.rgb")), spec(input<1>("input.spec")), text(input<2>("input.text")) {
    model.use_official_starts();
    mf::initialize(model, 1);
    file.load(model, table);
  }
  template <std::size_t M> raw<M> input(const char* name) {
    return mf::watch(tape, file.tensor<D>(name, typename raw<M>::shape_type(C::batch)));
  }

  void expect_input_gradients(const std::string& prefix) {
    file.expect(prefix + "input.rgb", rgb.gradient(), golden::gradient_tolerance);
    file.expect(prefix + "input.spec", spec.gradient(), golden::gradient_tolerance);
    file.expect(prefix + "input.text", text.gradient(), golden::gradient_tolerance);
  }
  /// Of all parameters; the key bias shifts all scores of a query alike, so that its gradient vanishes.
  void expect_gradients(const std::string& prefix) {
    CHECK(file.expect_gradients(model, table, prefix, true, {"k_proj.bias"}) > 0);
    expect_input_gradients(prefix);
  }
};

}  // namespace golden_sft
