// goldens: mbt
#include <golden/mbt.hpp>

#include "mbt_support.hpp"

TEST_CASE("outputs after every block, losses and gradients of all variants, stochastic depth") {
  golden::file file(golden::mbt::path);
  golden_mbt::check_variants<golden::mbt::variants>(file);

  using namespace multifuse;
  using V = golden::mbt::variants::bottleneck;
  using D = golden_mbt::D;
  const golden_mbt::network<V> net(file);
  const auto& shape_of_x = file.contents().at("input.droplayer.x").shape;
  const auto x = file.tensor<D>("input.droplayer.x", shape<batch<>, tokens<>, width<V::hidden_size>>(shape_of_x[0], shape_of_x[1]));
  const auto kept = [&](const char* name) {  // the file says what is dropped
    return evaluate(1.0 - file.tensor<D>(name, shape<batch<>>(shape_of_x[0])));
  };
  const auto& block = [&]() -> const auto& {
    if constexpr (net.model.lower_depth > 0)
      return net.model.lower.template block<mbt::rgb>(0);
    else
      return net.model.upper.template block<mbt::rgb>(0);
  }();
  file.expect("output.droplayer.y",
              block.with_paths(x, kept("input.droplayer.drop_attention"), kept("input.droplayer.drop_mlp")),
              golden::output_tolerance);
  file.require_all_used();
}
