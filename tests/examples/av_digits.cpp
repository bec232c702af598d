#include "support/av_digits.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_av_digits {

using namespace examples;

TEST_CASE("pictures keep four principal components, or are clean") {
  const small_data::temporary_folder folder;
  small_data::write_digits(folder.path());
  const av_digits digits(folder.path(), "train");
  CHECK(digits.size() == 20);
  const dataset degraded = digits.pairs(), clean = digits.pairs({.degrade_pictures = false});
  // components are pixels 0 to 3: those are exact, the others are the mean, 0.25
  CHECK(degraded.video_of(2)[2] == doctest::Approx(1));
  CHECK(degraded.video_of(2)[3] == doctest::Approx(0));
  CHECK(degraded.video_of(2)[4] == doctest::Approx(0.25));
  CHECK(degraded.video_of(9)[9] == doctest::Approx(0.25));
  CHECK(clean.video_of(9)[9] == 1);
  CHECK(clean.video_of(9)[8] == 0);
}

TEST_CASE("sounds are speech of level one in noise of the pair, at the pair's ratio, shifted") {
  const small_data::temporary_folder folder;
  small_data::write_digits(folder.path());
  const av_digits digits(folder.path(), "train");
  const dataset noisy = digits.pairs(), clean = digits.pairs({.noise = false});
  const auto noise = multifuse::load_npy<std::int16_t>(folder / "train_noise.npy");
  for (const isize i : {0, 7, 14}) {
    const auto sound = clean.audio_of(i);
    CHECK(detail::root_mean_square(sound.subspan(500, 2000)) == doctest::Approx(1));
    CHECK(sound[499] == 0);
    CHECK(std::abs(sound[500]) == doctest::Approx(1));
    CHECK(sound[2500] == 0);
    const isize which = i % 3;
    const double gain = std::pow(10, -(6.0 * double(which) - 6) / 20) / (8000 / std::sqrt(2.0));
    for (const isize t : {10, 3000, 7999}) {
      const double expected = gain * noise(which, (t + i) % 8000);
      CHECK(noisy.audio_of(i)[std::size_t(t)] == doctest::Approx(expected).epsilon(1e-3));
    }
  }
  CHECK(noisy.labels[13] == 3);
}

TEST_CASE("related pairs: the label follows from both digits") {
  const small_data::temporary_folder folder;
  small_data::write_digits(folder.path());
  const av_digits digits(folder.path(), "train");
  const digit_options clean{.degrade_pictures = false, .noise = false};
  // the noise tells which pair a sound comes from
  const dataset pairs = digits.pairs({.degrade_pictures = false});
  const auto digit_of_sound = [&](const dataset& set, isize i) {
    for (isize j = 0; j < 20; ++j)
      if (std::equal(set.audio_of(i).begin(), set.audio_of(i).end(), pairs.audio_of(j).begin()))
        return pairs.labels[std::size_t(j)];
    return -1;
  };
  const dataset same = digits.related(digit_relation::same_digit, {1}, {.degrade_pictures = false});
  const dataset sums = digits.related(digit_relation::sum_modulo_10, {1}, {.degrade_pictures = false});
  CHECK(same.classes.size() == 2);
  CHECK(sums.classes.size() == 10);
  int equal = 0;
  for (isize i = 0; i < 20; ++i) {
    const int seen = int(i) % 10;
    REQUIRE(digit_of_sound(same, i) >= 0);
    CHECK(same.labels[std::size_t(i)] == int(digit_of_sound(same, i) == seen));
    CHECK(sums.labels[std::size_t(i)] == (digit_of_sound(sums, i) + seen) % 10);
    equal += same.labels[std::size_t(i)];
  }
  CHECK(equal == 10);
  CHECK(same.audio == digits.related(digit_relation::same_digit, {1}).audio);
  CHECK(same.audio != digits.related(digit_relation::same_digit, {2}, clean).audio);
}

TEST_CASE("folders whose files do not fit together are refused") {
  const small_data::temporary_folder folder;
  CHECK_THROWS_AS(av_digits(folder.path(), "train"), multifuse::file_error);
  small_data::write_digits(folder.path());
  const auto pairs = multifuse::load_npy<std::int32_t>(folder / "train_pairs.npy");
  const int bad[][2] = {{0, 10}, {0, -1}, {1, 20}, {2, 10}, {2, -1}, {4, 6001}, {4, -1}, {5, 3}, {6, 8000}, {6, -1}};
  for (const auto& [column, value] : bad) {
    auto damaged = pairs;
    damaged(4, column) = value;
    multifuse::save_npy(folder / "train_pairs.npy", damaged);
    CHECK_THROWS_AS(av_digits(folder.path(), "train"), multifuse::file_error);
  }
  small_data::write_digits(folder.path());
  small_data::save(folder / "pca_basis.npy", std::vector<float>(3 * 784), {3, 784});
  CHECK_THROWS_AS(av_digits(folder.path(), "train"), multifuse::file_error);
}

TEST_CASE("the real digits") {
  const auto data = small_data::real_data();
  if (!data) return;
  const av_digits digits(data->digits(), "val");
  const dataset set = digits.pairs();
  std::vector<isize> counts(10);
  for (const int label : set.labels) ++counts[std::size_t(label)];
  for (const isize count : counts) CHECK(count == digits.size() / 10);
  // noise at -6, 0, 6 dB over 8000 samples around speech of level 1
  const auto level = detail::root_mean_square(set.audio);
  CHECK(level > 1);
  CHECK(level < 2);
}

}  // namespace test_examples_av_digits
