#include <multifuse/layers/distillation_head.hpp>

#include "../described/self_supervised.hpp"

namespace test_layers_distillation_head {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("distillation head: gradients, precision, determinism") {
  check::described<described::distillation_head_example>();
}

TEST_CASE("a distillation head has one norm for both layers, frozen gains and outputs of mean 0 and variance 1") {
  mf::distillation_head<dev, 3, mf::distillation_head_config{.hidden = 5, .bottleneck = 4, .outputs = 6}> head;
  mf::initialize(head, 1);
  CHECK(mf::parameter_count<decltype(head)> == (3 * 5 + 5) + 2 * 5 + (5 * 5 + 5) + (5 * 4 + 4) + 6 * 4 + 6);
  CHECK(!head.last.gain.trainable());
  CHECK(head.last.direction.trainable());
  const std::vector<double> values{1, -2, 0.5};
  const auto y = head(mf::tensor<dev, mf::shape<mf::batch<1>, mf::width<3>>>({}, values)).to_host();
  double mean = 0, variance = 0;
  for (const double v : y) mean += v / 6, variance += v * v / 6;
  CHECK(std::abs(mean) < 1e-12);
  CHECK(variance == doctest::Approx(1).epsilon(0.01));
}

}  // namespace test_layers_distillation_head
