#include "../described/fusion.hpp"

namespace test_fusion_masked {

namespace mf = multifuse;
using D = mf::cpu<double>;

TEST_CASE("streams with padding: gradients, precision, determinism") {
  check::described<described::masked_streams_example>();
}

TEST_CASE("padding changes nothing: a padded stream gives what the short one gives") {
  using S = mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>;
  described::masked_streams_example<D> example;
  mf::initialize(example, 5);
  check::source draw(3);
  const auto video = draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<4>, mf::width<4>>(1));
  const auto sound = draw.normal<D>(S(1, 2));
  mf::tensor<D, S> padded(S(1, 5));
  padded.fill(1e3);
  D::copy(padded.data(), sound.data(), sound.size());
  const auto plain = example.model(video, sound).to_host();
  const auto masked =
      example.model(video, mf::masked_tokens{padded, mf::mask_of_lengths<D>(std::array<mf::isize, 1>{2}, 5)}).to_host();
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(masked[i] == doctest::Approx(plain[i]).epsilon(1e-10));
  CHECK_THROWS_AS(mf::mask_of_lengths<D>(std::array<mf::isize, 1>{6}, 5), mf::argument_error);
}

}  // namespace test_fusion_masked
