#include "support/av_grid.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_av_grid {

using namespace examples;

TEST_CASE("windows are centered on the word, stay inside the sentence and hold the frames and samples of one moment") {
  const small_data::temporary_folder folder;
  small_data::write_grid(folder.path());
  const av_grid grid(folder.path(), "train");
  CHECK(grid.utterances() == 2);
  CHECK(grid.length(0) == 20);
  // the letter is said in frames 8 and 9
  CHECK(grid.window_begin(0, grid_task::letter, 4) == 7);
  CHECK(grid.window_begin(0, grid_task::command, 12) == 0);
  CHECK(grid.window_begin(1, grid_task::adverb, 12) == 3);

  dataset set = grid.empty_set(4);
  grid.append(set, 1, 7, 5);
  REQUIRE(set.size == 1);
  CHECK(set.labels[0] == 5);
  CHECK(set.video_of(0).size() == 4 * 24 * 32);
  CHECK(set.video_of(0)[0] == doctest::Approx(27 / 127.5 - 1));
  CHECK(set.video_of(0).back() == doctest::Approx(30 / 127.5 - 1));
  CHECK(set.audio_of(0).size() == 4 * 320);
  CHECK(set.audio_of(0)[0] == doctest::Approx((100 * 28 - 12800) / 32768.0));
  CHECK_THROWS_AS(grid.append(set, 1, 12, 0), multifuse::argument_error);
  CHECK_THROWS_AS(grid.append(set, 2, 0, 0), multifuse::argument_error);
  CHECK_THROWS_AS(grid.empty_set(16), multifuse::argument_error);
}

TEST_CASE("words are labeled by their place in the sentence") {
  const small_data::temporary_folder folder;
  small_data::write_grid(folder.path());
  small_data::write_noise(folder.path());
  const av_grid grid(folder.path(), "train");
  const noise_bank noise(folder.path(), "train");
  const std::size_t counts[] = {4, 4, 4, 25, 10, 4};
  for (int place = 0; place < 6; ++place) {
    const dataset set = grid.words({.task = grid_task(place), .snr_db = 0, .noise_key = {3}}, &noise);
    CHECK(set.classes.size() == counts[place]);
    CHECK(set.labels == std::vector<int>{0, 1});
    for (isize i = 0; i < 2; ++i) CHECK(detail::root_mean_square(set.audio_of(i)) == doctest::Approx(1).epsilon(1e-5));
  }
  const auto noisy = grid.words({.snr_db = 0, .noise_key = {3}}, &noise);
  CHECK(noisy.audio == grid.words({.snr_db = 0, .noise_key = {3}}, &noise).audio);
  CHECK(noisy.audio != grid.words({.snr_db = 0, .noise_key = {4}}, &noise).audio);
  CHECK(noisy.audio != grid.words({}).audio);
  CHECK_THROWS_AS(grid.words({.snr_db = 0}), multifuse::argument_error);
}

TEST_CASE("folders whose files do not fit together are refused") {
  const small_data::temporary_folder folder;
  CHECK_THROWS_AS(av_grid(folder.path(), "train"), multifuse::file_error);
  const auto broken = [&](auto damage) {
    small_data::write_grid(folder.path());
    damage();
    CHECK_THROWS_AS(av_grid(folder.path(), "train"), multifuse::file_error);
  };
  broken([&] { small_data::save(folder / "train_audio_ulaw.npy", std::vector<std::uint8_t>(320), {320}); });
  broken([&] { small_data::save(folder / "train_offsets.npy", std::vector<std::int64_t>{0, 40, 35}, {3}); });
  broken([&] { small_data::save(folder / "train_words.npy", std::vector<std::int32_t>(36, 50), {2, 6, 3}); });
  broken([&] { small_data::save(folder / "train_words.npy", std::vector<std::int32_t>(18), {1, 6, 3}); });
  broken([&] { small_data::write_text(folder / "vocab.txt", "bin\n"); });
  broken([&] { std::filesystem::resize_file(folder / "train_video.npy", 1000); });
}

TEST_CASE("the real sentences") {
  const auto data = small_data::real_data();
  if (!data || !data->has_grid()) return;
  const av_grid train(data->grid(), "train"), val(data->grid(), "val");
  CHECK(train.utterances() > 4 * val.utterances());
  const noise_bank noise(data->digits(), "val");
  const dataset letters = val.words({.snr_db = 0}, &noise);
  CHECK(letters.size == val.utterances());
  CHECK(letters.classes.front() == "a");
  CHECK(letters.classes.back() == "z");
  std::vector<int> counts(25);
  for (const int label : letters.labels) ++counts[std::size_t(label)];
  CHECK(*std::min_element(counts.begin(), counts.end()) > 0);
  const auto pixels = statistics::of(letters.video);
  CHECK(std::abs(pixels.mean) < 0.5);
  CHECK(pixels.deviation > 0.05);
}

}  // namespace test_examples_av_grid
