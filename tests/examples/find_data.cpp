#include "support/find_data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "examples/small_data.hpp"
#include "multifuse/core/error.hpp"
#include "support/av_digits.hpp"
#include "support/wav.hpp"

namespace test_examples_find_data {

using namespace examples;

TEST_CASE("a folder that was asked for is taken, or the reason is given") {
  const small_data::temporary_folder folder;
  std::ostringstream log;
  CHECK_THROWS_WITH_AS(find_data({.requested = folder.path()}, log), doctest::Contains("av_digits"),
                       multifuse::file_error);
  CHECK_THROWS_WITH_AS(find_data({.requested = folder / "missing"}, log), doctest::Contains("no such folder"),
                       multifuse::file_error);
  std::filesystem::create_directory(folder / "av_digits");
  small_data::write_digits(folder / "av_digits");
  const auto found = find_data({.requested = folder.path()}, log);
  CHECK(found.kind == data_kind::folder);
  CHECK(found.folder == folder.path());
  CHECK_FALSE(found.has_grid());
  CHECK(log.str().find(found.description) != std::string::npos);
}

TEST_CASE("the environment comes after the command line") {
  const small_data::temporary_folder folder, other;
  for (const auto* place : {&folder, &other}) {
    std::filesystem::create_directory(*place / "av_digits");
    small_data::write_digits(*place / "av_digits");
  }
  const char* before = std::getenv("MULTIFUSE_DATA");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("MULTIFUSE_DATA", folder.path().c_str(), 1);
  std::ostringstream log;
  CHECK(find_data({}, log).folder == folder.path());
  CHECK(find_data({.requested = other.path()}, log).folder == other.path());
  ::setenv("MULTIFUSE_DATA", (folder / "missing").c_str(), 1);
  CHECK_THROWS_WITH_AS(find_data({}, log), doctest::Contains("MULTIFUSE_DATA"), multifuse::file_error);
  if (before == nullptr)
    ::unsetenv("MULTIFUSE_DATA");
  else
    ::setenv("MULTIFUSE_DATA", kept.c_str(), 1);
}

TEST_CASE("material of the fallback becomes a folder of digits") {
  const small_data::temporary_folder folder;
  std::string digits;
  for (int i = 0; i < 60; ++i) {
    for (int p = 0; p < 64; ++p) digits += std::to_string((i + p) % 17) + ",";
    digits += std::to_string(i % 10) + "\n";
  }
  small_data::write_text(folder / "digits.csv", digits);
  std::filesystem::create_directory(folder / "speech");
  for (int digit = 0; digit < 10; ++digit)
    for (const char* speaker : {"train-a", "val-b"}) {
      std::vector<float> sound;
      for (int t = 0; t < 6000; ++t) sound.push_back(0.2f * std::sin(0.05f * float(digit + 1) * float(t)));
      write_wav(folder / ("speech/" + std::to_string(digit) + "_" + speaker + "_0.wav"), sound, 22050);
    }
  std::ostringstream log;
  prepare_data(data_kind::fallback, folder.path(), folder / "made", log);
  const av_digits train(folder / "made/av_digits", "train"), val(folder / "made/av_digits", "val");
  CHECK(train.size() == 6000);
  CHECK(val.size() == 720);
  CHECK_FALSE(find_data({.requested = folder / "made"}, log).has_grid());
  std::filesystem::remove(folder / "digits.csv");
  CHECK_THROWS_AS(prepare_data(data_kind::fallback, folder.path(), folder / "again", log), multifuse::file_error);
}

}  // namespace test_examples_find_data
