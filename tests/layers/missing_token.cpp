#include "../described/missing.hpp"

namespace test_layers_missing_token {

namespace mf = multifuse;
using mf::isize;
using D = mf::cpu<double>;
using content = mf::shape<mf::batch<>, mf::tokens<>, mf::width<2>>;

TEST_CASE("learned token for missing items: gradients, precision, determinism") {
  check::described<described::missing_token_example>();
}

TEST_CASE("the learned token stands in place 0 of items without any token, and nowhere else") {
  mf::missing_token<D, 2> missing;
  mf::initialize(missing, 3);
  const auto vector = missing.vector.value().to_host();
  const double nan = std::nan("");
  const std::vector<double> x{1, 2, 3, 4, nan, nan, 7, 8};  // what stands in the place may be anything
  const auto y = missing(mf::masked_tokens{mf::tensor<D, content>(content(2, 2), x),
                                           mf::mask_of_lengths<D>(std::array<isize, 2>{1, 0}, 2, 0)});
  CHECK(y.present.to_host() == std::vector<double>{1, 0});
  CHECK(y.tokens.kept.to_host() == std::vector<double>{1, 0, 1, 0});
  CHECK(y.tokens.content.to_host() == std::vector<double>{1, 2, 3, 4, vector[0], vector[1], 7, 8});
}

TEST_CASE("masks of fewer tokens") {
  const auto mask = mf::mask_of_lengths<D>(std::array<isize, 3>{7, 3, 0}, 7, 0);
  CHECK(mf::coarser_mask(mask, 3).to_host() == std::vector<double>{1, 1, 1, 1, 0, 0, 0, 0, 0});  // windows of 3
  CHECK(mf::coarser_mask(mask, 2).to_host() == std::vector<double>{1, 1, 1, 0, 0, 0});
  CHECK(mf::coarser_mask(mask, 7).to_host() == mask.to_host());
  CHECK(mf::coarser_mask(mf::mask_of_lengths<D>(std::array<isize, 1>{5}, 5), 4).to_host() ==
        std::vector<double>{1, 1, 1, 0});  // windows of 2 leave nothing for the last
  CHECK_THROWS_AS(mf::coarser_mask(mask, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::coarser_mask(mask, 8), mf::argument_error);
  CHECK_THROWS_AS(mf::mask_of_lengths<D>(std::array<isize, 1>{0}, 7), mf::argument_error);
}

}  // namespace test_layers_missing_token
