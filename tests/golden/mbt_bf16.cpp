// goldens: mbt
#include <golden/mbt.hpp>

#include "mbt_support.hpp"

/// The inference of the bottleneck variant with weights and activations in bf16, within what eight bits of precision allow.
TEST_CASE("outputs after every block and logits in bf16") {
  namespace mf = multifuse;
  using D = golden::device<mf::bf16>;
  using V = golden::mbt::variants::bottleneck;
  constexpr double tolerance = 4e-2;
  golden::file file(golden::mbt::path);
  mf::mbt::model<D, golden_mbt::config_of<V>(), golden_mbt::modalities_of<V>> model;
  mf::name_table table = mf::mbt::official_names(model);
  table.unused("");
  mf::initialize(model, 1);
  file.load(model, table);
  const auto forward = [&]<class... M>(mf::streams<M...> all) {
    const auto tokens = model.tokenize(mf::to_device<D>(golden_mbt::input_of<V, M>(file))...);
    const auto encoded =
        model.encode(tokens, golden_mbt::layer_check{file, "output.bottleneck.", tolerance}, V::test_with_bottlenecks);
    file.expect("output.bottleneck.encoded", mf::join_tokens(all, encoded), tolerance);
    file.expect("output.bottleneck.logits", model.logits(encoded), tolerance);
  };
  forward(golden_mbt::modalities_of<V>{});
}
