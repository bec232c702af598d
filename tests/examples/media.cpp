#include "support/media.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"
#include "support/wav.hpp"

namespace test_examples_media {

using namespace examples;

namespace {
/// Uncompressed clip of 16 x 8 at 25 frames a second whose frame f has luma 10 f + 20.
std::string raw_clip(int frames) {
  std::string file = "YUV4MPEG2 W16 H8 F25:1 Ip A1:1 C420jpeg\n";
  for (int f = 0; f < frames; ++f)
    file += "FRAME\n" + std::string(16 * 8, char(10 * f + 20)) + std::string(2 * 8 * 4, '\x80');
  return file;
}

/// Luma of video (16 is black, 235 white) as gray from 0 to 255.
double gray(double luma) { return (luma - 16) * 255 / 219; }
}  // namespace

TEST_CASE("frames come at the size, rate and channels asked for") {
  const small_data::temporary_folder folder;
  small_data::write_text(folder / "a.y4m", raw_clip(10));
  const clip plain = decode_clip(folder / "a.y4m");
  CHECK(plain.frames == 10);
  CHECK(plain.rows == 8);
  CHECK(plain.columns == 16);
  CHECK(plain.channels == 1);
  CHECK(plain.frames_per_second == 25);
  CHECK(plain.audio.empty());
  REQUIRE(plain.pixels.size() == 10 * 8 * 16);
  for (int f = 0; f < 10; ++f) CHECK(std::abs(plain.pixels[std::size_t(f * 128)] - gray(10 * f + 20)) <= 1);

  const clip color = decode_clip(folder / "a.y4m", {.rows = 5, .columns = 3, .color = true});
  CHECK(color.pixels.size() == 10 * 5 * 3 * 3);
  for (int k = 0; k < 3; ++k) CHECK(std::abs(color.pixels[std::size_t(4 * 45 + k)] - gray(60)) <= 2);

  // half the rate keeps every second frame, the double shows each twice
  const clip slow = decode_clip(folder / "a.y4m", {.frames_per_second = 12.5});
  REQUIRE(slow.frames == 5);
  for (int f = 0; f < 5; ++f) CHECK(std::abs(slow.pixels[std::size_t(f * 128)] - gray(20 * f + 25)) <= 7);
  CHECK(decode_clip(folder / "a.y4m", {.frames_per_second = 50}).frames == 20);
  CHECK(decode_clip(folder / "a.y4m", {.longest = 0.2}).frames == 5);
}

TEST_CASE("sound alone is a clip without frames") {
  const small_data::temporary_folder folder;
  std::vector<float> tone;
  for (int t = 0; t < 8000; ++t) tone.push_back(0.5f * std::sin(0.2f * float(t)));
  write_wav(folder / "tone.wav", tone, 8000);
  const clip same = decode_clip(folder / "tone.wav", {.sample_rate = 8000});
  CHECK(same.frames == 0);
  REQUIRE(same.audio.size() == 8000);
  for (const std::size_t t : {0, 777, 7999}) CHECK(std::abs(same.audio[t] - tone[t]) < 1e-4f);
  const clip faster = decode_clip(folder / "tone.wav", {.sample_rate = 16000});
  CHECK(std::abs(std::ssize(faster.audio) - 16000) < 64);
}

TEST_CASE("resampling keeps a tone and both ends") {
  std::vector<float> tone;
  for (int t = 0; t < 22050; ++t) tone.push_back(0.5f * std::sin(6.2831853f * 440 * float(t) / 22050));
  const auto slower = resample(tone, 22050, 8000);
  REQUIRE(slower.size() == 8000);
  for (std::size_t t = 500; t < 7500; t += 97)
    CHECK(std::abs(slower[t] - 0.5f * std::sin(6.2831853f * 440 * float(t) / 8000)) < 0.01f);
  CHECK(resample(tone, 8000, 8000) == tone);
  CHECK(resample({}, 22050, 8000).empty());
  CHECK_THROWS_AS(resample(tone, 0, 8000), multifuse::argument_error);
}

TEST_CASE("missing, foreign, truncated and oversized clips are refused") {
  const small_data::temporary_folder folder;
  CHECK_THROWS_WITH_AS(decode_clip(folder / "missing.mp4"), doctest::Contains("No such file"), multifuse::file_error);
  CHECK_THROWS_AS(decode_clip(folder.path()), multifuse::file_error);
  small_data::write_text(folder / "text.mp4", "this is no clip");
  CHECK_THROWS_AS(decode_clip(folder / "text.mp4"), multifuse::file_error);
  small_data::write_text(folder / "empty.mp4", "");
  CHECK_THROWS_AS(decode_clip(folder / "empty.mp4"), multifuse::file_error);
  small_data::write_text(folder / "head.y4m", raw_clip(0));
  CHECK_THROWS_AS(decode_clip(folder / "head.y4m"), multifuse::file_error);
  small_data::write_text(folder / "a.y4m", raw_clip(10));
  CHECK_THROWS_WITH_AS(decode_clip(folder / "a.y4m", {.memory = 500}), doctest::Contains("too large"),
                       multifuse::file_error);
  CHECK_THROWS_AS(decode_clip(folder / "a.y4m", {.rows = -1}), multifuse::argument_error);
  CHECK_THROWS_AS(decode_clip(folder / "a.y4m", {.sample_rate = 0}), multifuse::argument_error);
}

TEST_CASE("real clips: picture and sound of about the same length, damage is noticed") {
  const auto data = small_data::real_data();
  const auto clips = data ? data->folder / "clips" : std::filesystem::path();
  if (!data || !std::filesystem::exists(clips)) return;
  for (const char* name : {"grid_s1/bbaf4p.mpg", "friday_cc0.mp4", "dual_discs.mov", "nasa_13013.mp4"}) {
    const clip decoded =
        decode_clip(clips / name, {.rows = 36, .columns = 48, .frames_per_second = 25, .sample_rate = 8000});
    const double seconds = double(decoded.frames) / 25;
    CHECK(seconds > 2);
    CHECK(std::abs(double(decoded.audio.size()) / 8000 - seconds) < 0.15);
  }
  const small_data::temporary_folder folder;
  std::string damaged = small_data::read_text(clips / "grid_s1/bbaf4p.mpg");
  for (std::size_t i = 60000; i < 63000; ++i) damaged[i] = char(37 * i);
  small_data::write_text(folder / "damaged.mpg", damaged);
  CHECK_THROWS_AS(decode_clip(folder / "damaged.mpg"), multifuse::file_error);
  small_data::write_text(folder / "cut.mp4", small_data::read_text(clips / "friday_cc0.mp4").substr(0, 200000));
  CHECK_THROWS_AS(decode_clip(folder / "cut.mp4"), multifuse::file_error);
}

}  // namespace test_examples_media
