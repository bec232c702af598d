#include "support/noise_bank.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_noise_bank {

using namespace examples;

TEST_CASE("noise is added at the ratio asked for, the same for the same key") {
  const small_data::temporary_folder folder;
  small_data::write_noise(folder.path());
  const noise_bank bank(folder.path(), "train");
  CHECK(bank.size() == 3);
  std::vector<float> speech(3840);
  for (std::size_t t = 0; t < speech.size(); ++t) speech[t] = float(std::sin(0.3 * double(t)));
  for (const double snr : {-12.0, 0.0, 6.0}) {
    auto mixed = speech, again = speech, other = speech;
    bank.mix(mixed, snr, {5});
    bank.mix(again, snr, {5});
    bank.mix(other, snr, {6});
    CHECK(mixed == again);
    CHECK(mixed != other);
    auto noise = mixed;
    for (std::size_t t = 0; t < noise.size(); ++t) noise[t] -= speech[t];
    const double ratio = 20 * std::log10(detail::root_mean_square(speech) / detail::root_mean_square(noise));
    CHECK(ratio == doctest::Approx(snr).epsilon(1e-3));
  }
}

TEST_CASE("what has no ratio is refused") {
  const small_data::temporary_folder folder;
  small_data::write_noise(folder.path());
  const noise_bank bank(folder.path(), "train");
  std::vector<float> silence(100, 0.0f), speech(100, 1.0f);
  CHECK_THROWS_AS(bank.mix(silence, 0, {}), multifuse::argument_error);
  CHECK_THROWS_AS(bank.mix(speech, std::nan(""), {}), multifuse::argument_error);
  CHECK_THROWS_AS(noise_bank(folder.path(), "test"), multifuse::file_error);
  small_data::save(folder / "train_noise.npy", std::vector<std::int16_t>(8000), {1, 8000});
  CHECK_THROWS_AS(noise_bank(folder.path(), "train"), multifuse::file_error);
}

}  // namespace test_examples_noise_bank
