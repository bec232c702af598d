#include "support/prepare_digits.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_prepare_digits {

using namespace examples;

namespace {
/// A line of the UCI set: `level` in all pixels.
std::string uci_line(int level, int digit) {
  std::string line;
  for (int p = 0; p < 64; ++p) line += std::to_string(level) + ",";
  return line + std::to_string(digit) + "\n";
}

/// Silence, half a second of a tone, silence.
std::vector<float> spoken(int digit) {
  std::vector<float> samples(12000, 0.0f);
  for (std::size_t t = 2000; t < 6000; ++t) samples[t] = 0.3f * std::sin(0.1f * float(digit + 3) * float(t));
  return samples;
}

digit_material whole_material() {
  digit_material material;
  for (int digit = 0; digit < 10; ++digit) {
    material.pictures.push_back({digit, {}});
    material.pictures.back().pixels[std::size_t(digit)] = 200;
    material.speech.push_back({digit, 0, std::vector<std::int16_t>(4000 + 100 * std::size_t(digit), 1000)});
  }
  make_noise(material, 5, {1});
  return material;
}
}  // namespace

TEST_CASE("digits of the UCI set are enlarged and split") {
  const small_data::temporary_folder folder;
  std::string text;
  for (int i = 0; i < 10; ++i) text += uci_line(i == 0 ? 16 : 0, i);
  small_data::write_text(folder / "digits.csv", text);
  digit_material train, val;
  read_uci_digits(folder / "digits.csv", train, val);
  CHECK(train.pictures.size() == 8);
  CHECK(val.pictures.size() == 2);
  CHECK(train.pictures[0].pixels[28 * 14 + 14] == 255);
  CHECK(train.pictures[0].pixels[0] == 0);  // margin
  CHECK(val.pictures[1].label == 9);
  for (const std::string& bad :
       {uci_line(17, 1), uci_line(1, 10), std::string("1,2,3\n"), std::string("a,b\n"), std::string("\n")}) {
    small_data::write_text(folder / "bad.csv", text + bad);
    CHECK_THROWS_AS(read_uci_digits(folder / "bad.csv", train, val), multifuse::file_error);
  }
}

TEST_CASE("MNIST files of another size are refused") {
  const small_data::temporary_folder folder;
  digit_material train, val;
  CHECK_THROWS_AS(read_mnist(folder.path(), train, val), multifuse::file_error);
  std::string images(16 + 784 * 60000, '\1'), labels(8 + 60000, '\2');
  images[3] = 3, labels[3] = 1;
  small_data::write_text(folder / "train-images-idx3-ubyte", images);
  small_data::write_text(folder / "train-labels-idx1-ubyte", labels);
  read_mnist(folder.path(), train, val);
  CHECK(train.pictures.size() == 55000);
  CHECK(val.pictures.size() == 5000);
  CHECK(val.pictures[0].label == 2);
  labels[100] = 10;
  small_data::write_text(folder / "train-labels-idx1-ubyte", labels);
  CHECK_THROWS_AS(read_mnist(folder.path(), train, val), multifuse::file_error);
  small_data::write_text(folder / "train-images-idx3-ubyte", images.substr(1));
  CHECK_THROWS_AS(read_mnist(folder.path(), train, val), multifuse::file_error);
}

TEST_CASE("spoken digits lose their silence and find their split") {
  const small_data::temporary_folder folder;
  write_wav(folder / "3_anna_0.wav", spoken(3), 8000);
  write_wav(folder / "4_anna_7.wav", spoken(4), 16000);
  write_wav(folder / "5_ben_1.wav", spoken(5), 8000);
  write_wav(folder / "6_ben_2.wav", std::vector<float>(8000, 0.0f), 8000);  // nothing is said
  write_wav(folder / "notes.wav", spoken(6), 8000);                         // no digit
  digit_material train, val;
  const auto split = [](const std::string& speaker, int index) {
    return index == 0 ? std::optional<bool>() : std::optional<bool>(speaker == "ben");
  };
  read_spoken_digits(folder.path(), split, train, val);
  REQUIRE(train.speech.size() == 1);
  REQUIRE(val.speech.size() == 1);
  CHECK(train.speech[0].label == 4);
  CHECK(std::abs(std::ssize(train.speech[0].samples) - 2000) < 100);
  CHECK(val.speech[0].label == 5);
  CHECK(std::abs(std::ssize(val.speech[0].samples) - 4000) < 100);
  small_data::write_text(folder / "7_ben_3.wav", "RIFF");
  CHECK_THROWS_AS(read_spoken_digits(folder.path(), split, train, val), multifuse::file_error);
}

TEST_CASE("noise made here differs from piece to piece and is the same in every run") {
  const auto first = whole_material().noise, second = whole_material().noise;
  REQUIRE(first.size() == 5);
  CHECK(first == second);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(first[i].size() == 8000);
    for (std::size_t j = 0; j < i; ++j) CHECK(first[i] != first[j]);
  }
  digit_material silent;
  CHECK_THROWS_AS(make_noise(silent, 1, {}), multifuse::argument_error);
}

TEST_CASE("a written folder is what av_digits reads") {
  const small_data::temporary_folder folder;
  const digit_material material = whole_material();
  write_av_digits(folder.path(), material, material, 40, 20, {1});
  const av_digits train(folder.path(), "train"), val(folder.path(), "val");
  CHECK(train.size() == 40);
  CHECK(val.size() == 20);
  const dataset set = train.pairs({.degrade_pictures = false});
  for (isize i = 0; i < 40; ++i) {
    const auto label = std::size_t(set.labels[std::size_t(i)]);
    CHECK(set.video_of(i)[label] == doctest::Approx(200 / 255.0));
  }
  const auto basis = multifuse::load_npy<float>(folder / "pca_basis.npy");
  for (std::size_t j = 0; j < 4; ++j)
    for (std::size_t k = 0; k < 4; ++k) {
      double product = 0;
      for (std::size_t p = 0; p < 784; ++p) product += double(basis(j, p)) * basis(k, p);
      CHECK(product == doctest::Approx(j == k ? 1 : 0).epsilon(1e-4));
    }
  digit_material lacking = material;
  lacking.speech.pop_back();
  CHECK_THROWS_AS(write_digit_split(folder.path(), "train", lacking, 10, {1}), multifuse::argument_error);
  lacking = material;
  lacking.noise.clear();
  CHECK_THROWS_AS(write_digit_split(folder.path(), "train", lacking, 10, {1}), multifuse::argument_error);
}

}  // namespace test_examples_prepare_digits
