#include "support/prepare_grid.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_prepare_grid {

using namespace examples;

TEST_CASE("mu-law: encoding finds the nearest of 256 levels") {
  CHECK(detail::ulaw_decode(0xFF) == 0);
  CHECK(detail::ulaw_decode(0x80) == 32124);
  CHECK(detail::ulaw_decode(0x00) == -32124);
  for (int code = 0; code < 256; ++code) {
    const int level = detail::ulaw_decode(std::uint8_t(code));
    CHECK(detail::ulaw_decode(detail::ulaw_encode(level)) == level);
  }
  CHECK(detail::ulaw_decode(detail::ulaw_encode(40000)) == 32124);
}

TEST_CASE("originals without the reference sentence are refused") {
  const small_data::temporary_folder folder;
  std::ostringstream log;
  CHECK_THROWS_WITH_AS(prepare_av_grid(folder.path(), folder / "out", log), doctest::Contains("bbaf4p"),
                       multifuse::file_error);
}

TEST_CASE("original sentences give what the data folder holds") {
  const auto data = small_data::real_data();
  if (!data || !std::filesystem::exists(data->folder / "clips/grid_s1")) return;
  const auto clips = data->folder / "clips/grid_s1";
  const auto lines = detail::load_lines(data->grid() / "train_utterances.txt");
  const auto offsets = multifuse::load_npy<std::int64_t>(data->grid() / "train_offsets.npy");
  const auto words = multifuse::load_npy<std::int32_t>(data->grid() / "train_words.npy");
  const auto video = multifuse::load_npy<std::uint8_t>(data->grid() / "train_video.npy");
  const detail::mouth_finder finder({clips / "bbaf4p.mpg", clips / "bbaf4p.align"});
  int sentences = 0, alike = 0;
  for (std::size_t u = 0; u < lines.size(); ++u) {
    const std::string name = lines[u].substr(0, lines[u].find(' '));
    if (!std::filesystem::exists(clips / (name + ".mpg"))) continue;
    const detail::grid_sentence sentence(clips / (name + ".mpg"), clips / (name + ".align"));
    detail::grid_split split;
    const auto mouth = finder.find(sentence);
    CHECK(mouth.correlation > 0.8);
    split.append(sentence, mouth);
    CHECK(split.names == lines[u] + "\n");
    REQUIRE(split.offsets[1] == offsets(u + 1) - offsets(u));
    for (std::size_t w = 0; w < 18; ++w) CHECK(split.words[w] == words(u, w / 3, w % 3));
    // the mouth is found by other means there, so pictures agree only closely
    double xy = 0, xx = 0, yy = 0, x1 = 0, y1 = 0;
    const auto count = double(split.video.size());
    for (std::size_t i = 0; i < split.video.size(); ++i) {
      const double x = split.video[i], y = video.data()[std::size_t(offsets(u)) * 768 + i];
      xy += x * y, xx += x * x, yy += y * y, x1 += x, y1 += y;
    }
    const double correlation = (xy - x1 * y1 / count) / std::sqrt((xx - x1 * x1 / count) * (yy - y1 * y1 / count));
    CHECK(correlation > 0.5);
    alike += correlation > 0.85;
    ++sentences;
  }
  CHECK(sentences == 8);
  CHECK(alike >= 6);
}

TEST_CASE("a prepared folder is what av_grid reads; damaged clips are named and left out") {
  const auto data = small_data::real_data();
  if (!data || !std::filesystem::exists(data->folder / "clips/grid_s1")) return;
  const small_data::temporary_folder folder;
  std::filesystem::create_directory(folder / "in");
  const auto clips = data->folder / "clips/grid_s1";
  for (const auto& entry : std::filesystem::directory_iterator(clips))
    for (int copy = 0; copy < 7; ++copy) {
      const std::string name = copy == 0 ? "" : "x" + std::to_string(copy);
      std::filesystem::create_symlink(entry.path(), folder / ("in/" + name + entry.path().filename().string()));
    }
  small_data::write_text(folder / "in/zzzz.mpg", "damaged");
  small_data::write_text(folder / "in/zzzz.align", small_data::read_text(clips / "bbaf4p.align"));
  std::ostringstream log;
  CHECK(prepare_av_grid(folder / "in", folder / "out", log) == 56);
  CHECK(log.str().find("zzzz") != std::string::npos);
  const av_grid train(folder / "out", "train"), val(folder / "out", "val");
  CHECK(train.utterances() + val.utterances() == 56);
  CHECK(val.utterances() >= 6);
  CHECK(val.words({.task = grid_task::digit}).size == val.utterances());
}

}  // namespace test_examples_prepare_grid
