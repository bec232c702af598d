#include "support/dataset.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_dataset {

using namespace examples;

TEST_CASE("statistics are measured on one set and applied to another") {
  const std::vector<float> values{1, 3};
  const auto measured = statistics::of(values);
  CHECK(measured.mean == 2);
  CHECK(measured.deviation == 1);
  std::vector<float> others{5};
  measured.normalize(others);
  CHECK(others[0] == 3);
  CHECK_THROWS_AS(statistics::of({}), multifuse::argument_error);
  const std::vector<float> constant{2, 2};
  CHECK(statistics::of(constant).deviation > 0);
}

TEST_CASE("log-mel features of every item") {
  dataset set{.size = 2, .samples = 3840, .sample_rate = 8000};
  for (int item = 0; item < 2; ++item)
    for (int t = 0; t < 3840; ++t) set.audio.push_back(float(std::sin(6.283185307 * (item ? 2000 : 400) * t / 8000)));
  const auto features = log_mel_of(set);
  CHECK(features.frames == 46);
  CHECK(features.bins == 26);
  REQUIRE(std::ssize(features.values) == 2 * 46 * 26);
  // the loudest bin of the high tone lies above that of the low one
  const auto loudest = [&](isize item) {
    const auto row = features.values.begin() + (item * 46 + 20) * 26;
    return std::max_element(row, row + 26) - row;
  };
  CHECK(loudest(1) > loudest(0) + 5);
  set.samples = 100;
  CHECK_THROWS_AS(log_mel_of(set), multifuse::argument_error);
}

TEST_CASE("arrays of a data folder must have the extents they should") {
  const small_data::temporary_folder folder;
  small_data::save(folder / "a.npy", std::vector<float>(6), {2, 3});
  CHECK(detail::load_array<float>(folder / "a.npy", {-1, 3}).shape(0) == 2);
  CHECK_THROWS_WITH_AS(detail::load_array<float>(folder / "a.npy", {-1, 4}),
                       doctest::Contains("expected [*, 4]; got [2, 3]"), multifuse::file_error);
  CHECK_THROWS_AS(detail::load_array<float>(folder / "a.npy", {6}), multifuse::file_error);
  CHECK_THROWS_AS(detail::load_array<int>(folder / "a.npy", {2, 3}), multifuse::file_error);
  CHECK_THROWS_AS(detail::load_array<float>(folder / "b.npy", {1}), multifuse::file_error);
}

TEST_CASE("offsets must rise from zero to the end") {
  const small_data::temporary_folder folder;
  const auto with = [&](std::vector<std::int64_t> values) {
    small_data::save(folder / "o.npy", values, {values.size()});
    return detail::load_offsets(folder / "o.npy", 10);
  };
  CHECK(with({0, 4, 10}).size() == 3);
  CHECK_THROWS_AS(with({0, 4, 9}), multifuse::file_error);
  CHECK_THROWS_AS(with({1, 4, 10}), multifuse::file_error);
  CHECK_THROWS_AS(with({0, 11, 4, 10}), multifuse::file_error);
  CHECK_THROWS_AS(with({0}), multifuse::file_error);
}

}  // namespace test_examples_dataset
