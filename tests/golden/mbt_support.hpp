#pragma once
#include <multifuse/systems/mbt.hpp>
#include <multifuse/tensor/to_device.hpp>
#include <utility>

#include "support/golden.hpp"

/// MBT as the metadata of a golden file configures it.
namespace golden_mbt {

namespace mf = multifuse;
namespace mbt = multifuse::mbt;
using mf::isize;
using D = golden::device<float>;

template <class V> constexpr mbt::classifier classifier_of() {
  if (V::classifier == "token") return mbt::classifier::class_tokens;
  if (V::classifier == "gap") return mbt::classifier::mean_pool;
  if (V::classifier == "gmp") return mbt::classifier::max_pool;
  if (V::classifier == "gsp") return mbt::classifier::sum_pool;
  throw "a classifier that this test does not know";
}

template <class V> constexpr mbt::config config_of() {
  static_assert(V::method == "3d_conv" || V::method == "temporal_sampling");
  mbt::config c;
  c.frames = V::rgb_shape[1], c.image_rows = V::rgb_shape[2], c.image_columns = V::rgb_shape[3];
  c.spectrogram_rows = V::spec_shape[1], c.spectrogram_columns = V::spec_shape[2];
  c.patch_rows = V::patches[0], c.patch_columns = V::patches[1];
  c.patch_frames = V::patches.size() > 2 ? V::patches[V::patches.size() - 1] : 1;
  c.sampled_frames = V::method == "3d_conv" ? 0 : V::n_sampled_frames;
  c.width = V::hidden_size, c.heads = V::num_heads, c.hidden = V::mlp_dim, c.layers = V::num_layers;
  c.fusion_layer = V::fusion_layer;
  c.reads = classifier_of<V>();
  c.bottlenecks = V::n_bottlenecks + c.has_class_tokens();  // the code allocates one more with class tokens
  c.classes = V::num_classes;
  c.fusion = V::use_bottleneck ? mbt::exchange::bottleneck
                               : (V::share_encoder ? mbt::exchange::joint_attention : mbt::exchange::cross_attention);
  c.share_weights = V::share_encoder;
  return c;
}

template <class V, std::size_t I>
using modality_number = std::conditional_t<V::modality_fusion[I] == "rgb", mbt::rgb, mbt::spectrogram>;
template <class V, class Indices> struct list_of;
template <class V, std::size_t... I> struct list_of<V, std::index_sequence<I...>> {
  using type = mf::streams<modality_number<V, I>...>;
};
template <class V>
using modalities_of = typename list_of<V, std::make_index_sequence<V::modality_fusion.size()>>::type;

/// Raw samples of one modality.
template <class V, class M> auto input_of(golden::file& file) {
  using namespace multifuse;
  if constexpr (std::is_same_v<M, mbt::rgb>)
    return file.tensor<D>("input.rgb",
                          shape<batch<>, frames<V::rgb_shape[1]>, rows<V::rgb_shape[2]>, columns<V::rgb_shape[3]>,
                                channels<3>>(V::rgb_shape[0]));
  else
    return file.tensor<D>("input.spectrogram",
                          shape<batch<>, rows<V::spec_shape[1]>, columns<V::spec_shape[2]>, channels<3>>(V::spec_shape[0]));
}

/// Compares the state after a block with `output.<variant>.layer<l>.*`.
struct layer_check {
  golden::file& file;
  std::string prefix;
  double tolerance = golden::output_tolerance;
  template <class State> void operator()(isize layer, const State& state) const {
    const std::string at = prefix + "layer" + std::to_string(layer) + ".";
    if constexpr (mf::value<State>)
      file.expect(at + "joint", state, tolerance);
    else
      compare(at, state);
  }
  template <class B, class Z> void compare(const std::string& at, const mf::bottleneck_state<B, Z>& state) const {
    file.expect(at + "bottleneck", state.bottleneck, tolerance);
    compare(at, state.content);
  }
  template <class... S> void compare(const std::string& at, const mf::bundle<S...>& state) const {
    (file.expect(at + std::string(S::modality::name), mf::get<typename S::modality>(state), tolerance), ...);
  }
};

template <class V> struct network {
  static constexpr mbt::config config = config_of<V>();
  mbt::model<D, config, modalities_of<V>> model;
  mf::name_table table = mbt::official_names(model);

  explicit network(golden::file& file) {
    table.unused("");  // all variants share one set of parameters
    mf::initialize(model, 1);
    file.load(model, table);
  }
};

template <class V, class... M> void check_forward(std::string_view name, golden::file& file, mf::streams<M...>) {
  const network<V> net(file);
  const std::string prefix = "output." + std::string(name) + ".";
  const auto tokens = net.model.tokenize(input_of<V, M>(file)...);
  const auto encoded = net.model.encode(tokens, layer_check{file, prefix}, V::test_with_bottlenecks);
  file.expect(prefix + "encoded", mf::join_tokens(mf::streams<M...>{}, encoded), golden::output_tolerance);
  file.expect(prefix + "logits", net.model.logits(encoded), golden::output_tolerance);
}

/// The training loss and its gradients, where the file has them; `grad_prefix` names the group.
template <class V, class... M>
void check_gradients(std::string_view name, golden::file& file, const std::string& grad_prefix, bool complete,
                     mf::streams<M...>) {
  network<V> net(file);
  mf::tape tape;
  const auto raw = mf::bundle_of<M...>(mf::watch(tape, input_of<V, M>(file))...);
  const auto tokens = net.model.tokenize(mf::get<M>(raw)...);
  const auto encoded = [&] {
    if constexpr (network<V>::config.has_class_tokens())
      return net.model.encode_class_tokens(tokens);
    else
      return net.model.encode(tokens);
  }();
  const auto labels = file.tensor<D>("input.label", mf::shape<mf::batch<>, mf::width<V::num_classes>>(V::batch));
  const auto loss = [&] {
    if constexpr (network<V>::config.has_class_tokens()) {
      const auto logits = net.model.stream_logits(encoded);
      (file.expect("output." + std::string(name) + ".train_logits_" + std::string(M::name), mf::get<M>(logits),
                   golden::output_tolerance),
       ...);
      return mbt::multilabel_loss(logits, labels, 0.3);
    } else {
      return mbt::multilabel_loss(net.model.logits(encoded), labels, 0.3);
    }
  }();
  file.expect("loss." + std::string(name), loss, golden::loss_tolerance);
  mf::backward(loss);
  CHECK(file.expect_gradients(net.model, net.table, grad_prefix, complete, {"key/bias"}) > 0);
  (file.expect(grad_prefix + "input." + std::string(M::name), mf::get<M>(raw).gradient(), golden::gradient_tolerance), ...);
}

/// Every variant of a file, forward and, where the file has a loss, backward. The first one with a loss has its gradients
/// under "grad.", complete; the others a selection under "grad_<variant>.".
template <class Variants> void check_variants(golden::file& file) {
  bool first = true;
  Variants::for_each([&](std::string_view name, auto variant) {
    using V = decltype(variant);
    INFO("variant " << std::string(name));
    check_forward<V>(name, file, modalities_of<V>{});
    if (!file.has("loss." + std::string(name))) return;
    check_gradients<V>(name, file, first ? "grad." : "grad_" + std::string(name) + ".", first, modalities_of<V>{});
    first = false;
  });
}

}  // namespace golden_mbt
