#include "../described/masking.hpp"

#include <set>

namespace test_layers_random_masking {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("random masking: gradients, precision, determinism") {
  check::described<described::random_masking_example>();
}

TEST_CASE("the tokens with the least noise stay visible, in its order") {
  const std::vector<double> noise{0.9, 0.1, 0.5, 0.3, 0.2, 0.2, 0.0, 0.2};
  const auto masking = mf::mask_by_noise(mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<4>>>({}, noise), 2);
  CHECK(masking.kept.to_host() == std::vector<std::int32_t>{1, 3, 2, 0});  // of equal noise the first
  CHECK(masking.places.to_host() == std::vector<std::int32_t>{2, 0, 2, 1, 1, 2, 0, 2});
  CHECK(masking.hidden.to_host() == std::vector<double>{1, 0, 1, 0, 0, 1, 0, 1});
  const std::vector<double> values{10, 11, 12, 13, 20, 21, 22, 23};
  const mf::tensor<dev, mf::shape<mf::batch<2>, mf::tokens<4>, mf::width<1>>> x({}, values);
  const auto seen = mf::visible_part(x, masking);
  CHECK(seen.to_host() == std::vector<double>{11, 13, 22, 20});
  mf::mask_token<dev, 1> hidden;
  mf::initialize(hidden, 1);
  hidden.vector.value().data()[0] = -1;
  CHECK(hidden(seen, masking).to_host() == std::vector<double>{-1, 11, -1, 13, 20, -1, 22, -1});
}

TEST_CASE("counts of visible tokens round halves to even") {
  CHECK(mf::visible_tokens(392, 0.85) == 59);
  CHECK(mf::visible_tokens(560, 0.8) == 112);
  CHECK(mf::visible_tokens(5, 0.5) == 2);
  CHECK(mf::visible_tokens(7, 0.5) == 4);
}

TEST_CASE("noise is uniform and follows from its key") {
  const auto noise = mf::masking_noise<dev>(3, 100, {1, 2}).to_host();
  CHECK(noise == mf::masking_noise<dev>(3, 100, {1, 2}).to_host());
  CHECK(noise != mf::masking_noise<dev>(3, 100, {1, 3}).to_host());
  CHECK(std::set<double>(noise.begin(), noise.end()).size() == 300);
}

TEST_CASE("masks that hide all tokens or show more than there are, are refused") {
  const auto noise = mf::masking_noise<dev>(2, 4, {1, 2});
  CHECK_THROWS_WITH_AS(mf::mask_by_noise(noise, 0), doctest::Contains("visible tokens"), mf::argument_error);
  CHECK_THROWS_AS(mf::mask_by_noise(noise, 5), mf::argument_error);
}

}  // namespace test_layers_random_masking
