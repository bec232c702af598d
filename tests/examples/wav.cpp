#include "support/wav.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_wav {

using namespace examples;

TEST_CASE("sound survives writing and reading") {
  const small_data::temporary_folder folder;
  std::vector<float> samples;
  for (int t = 0; t < 1000; ++t) samples.push_back(0.5f * std::sin(0.1f * float(t)));
  samples[3] = 2;  // clipped
  write_wav(folder / "a.wav", samples, 8000);
  const sound read = read_wav(folder / "a.wav");
  CHECK(read.sample_rate == 8000);
  CHECK(read.channels == 1);
  REQUIRE(read.length() == 1000);
  CHECK(read.samples[3] == doctest::Approx(1).epsilon(1e-4));
  CHECK(read.samples[500] == doctest::Approx(samples[500]).epsilon(1e-3));
  CHECK(read.mono() == read.samples);
}

TEST_CASE("channels are averaged") {
  const sound stereo{8000, 2, {1, 3, -1, 1}};
  CHECK(stereo.length() == 2);
  CHECK(stereo.mono() == std::vector<float>{2, 0});
  CHECK(sound{}.length() == 0);
}

TEST_CASE("damaged, hostile and missing files are refused") {
  const small_data::temporary_folder folder;
  CHECK_THROWS_AS(read_wav(folder / "missing.wav"), multifuse::file_error);
  small_data::write_text(folder / "text.wav", "this is no sound at all");
  CHECK_THROWS_AS(read_wav(folder / "text.wav"), multifuse::file_error);
  small_data::write_text(folder / "empty.wav", "");
  CHECK_THROWS_AS(read_wav(folder / "empty.wav"), multifuse::file_error);
  CHECK_THROWS_AS(read_wav(folder.path()), multifuse::file_error);

  write_wav(folder / "whole.wav", std::vector<float>(1000, 0.1f), 8000);
  const std::string whole = small_data::read_text(folder / "whole.wav");
  for (const std::size_t kept :
       {std::size_t(4), std::size_t(20), std::size_t(44), std::size_t(500), whole.size() - 1}) {
    small_data::write_text(folder / "cut.wav", whole.substr(0, kept));
    CHECK_THROWS_AS(read_wav(folder / "cut.wav"), multifuse::file_error);
  }
  CHECK_THROWS_WITH_AS(read_wav(folder / "whole.wav", 999), doctest::Contains("too long"), multifuse::file_error);

  // every byte of the header changed in turn: read within bounds or refused, nothing else
  int refused = 0;
  for (std::size_t at = 0; at < 44; ++at) {
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string hostile = whole;
      hostile[at] = value;
      small_data::write_text(folder / "hostile.wav", hostile);
      isize length = 0;
      try {
        length = read_wav(folder / "hostile.wav").length();
      } catch (const multifuse::file_error&) {
        ++refused;
      }
      CHECK(length <= 2000);  // twice the samples at half their width
    }
  }
  CHECK(refused > 44);
  CHECK_THROWS_AS(write_wav(folder / "none/a.wav", {0.0f}, 8000), multifuse::file_error);
}

TEST_CASE("samples that are not finite are refused") {
  const small_data::temporary_folder folder;
  SF_INFO info{};
  info.samplerate = 8000, info.channels = 1, info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  SNDFILE* file = sf_open((folder / "nan.wav").c_str(), SFM_WRITE, &info);
  REQUIRE(file != nullptr);
  const float samples[] = {0, std::nanf(""), 1};
  sf_write_float(file, samples, 3);
  sf_close(file);
  CHECK_THROWS_AS(read_wav(folder / "nan.wav"), multifuse::file_error);
}

}  // namespace test_examples_wav
