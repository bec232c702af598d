#include <multifuse/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "scratch_directory.hpp"

namespace test_io_safetensors {

namespace mf = multifuse;

namespace {

/// A file with one tensor, `x`, whose data begin at an address that is `offset` bytes away from alignment.
template <class T>
std::filesystem::path one_tensor(const scratch_directory& scratch, std::string_view dtype, const std::vector<T>& values,
                                 std::size_t offset = 0) {
  const std::size_t bytes = values.size() * sizeof(T);
  std::string header = "{\"x\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[" + std::to_string(values.size()) +
                       "],\"data_offsets\":[0," + std::to_string(bytes) + "]}}";
  while (header.size() % 64 != offset % 64) header += ' ';
  const std::uint64_t length = header.size();
  std::string text(reinterpret_cast<const char*>(&length), sizeof(length));
  text.append(header).append(reinterpret_cast<const char*>(values.data()), bytes);
  const auto path = scratch / ("x." + std::string(dtype));
  write_text(path, text);
  return path;
}

template <class Action>
std::string refusal(Action&& action) {
  return message_of<mf::file_error>(action);
}

}  // namespace

TEST_CASE("every dtype is read as float and as its own type, aligned or not") {
  const scratch_directory scratch;
  const auto check = [&]<class T>(T, std::string_view dtype) {
    const std::vector<T> values{T{0}, T{1}, static_cast<T>(100), std::numeric_limits<T>::max(),
                                std::numeric_limits<T>::lowest()};
    for (const std::size_t offset : {0u, 1u, 3u}) {
      const mf::safetensors_file file(one_tensor(scratch, dtype, values, offset));
      CHECK(file.read<T>("x") == values);
      const std::vector<float> floats = file.read("x");
      REQUIRE(floats.size() == values.size());
      if constexpr (!std::is_same_v<T, double>)
        for (std::size_t i = 0; i < values.size(); ++i) CHECK(floats[i] == static_cast<float>(values[i]));
      if (offset == 0 || alignof(T) == 1) {
        const auto view = file.view<T>("x");
        CHECK(std::vector<T>(view.begin(), view.end()) == values);
        CHECK(static_cast<const void*>(view.data()) == file.at("x").bytes.data());
      } else {
        CHECK(mentions(refusal([&] { file.view<T>("x"); }), "cannot be viewed in place"));
      }
    }
  };
  check(std::uint8_t{}, "U8");
  check(std::int8_t{}, "I8");
  check(std::uint16_t{}, "U16");
  check(std::int16_t{}, "I16");
  check(std::uint32_t{}, "U32");
  check(std::int32_t{}, "I32");
  check(std::uint64_t{}, "U64");
  check(std::int64_t{}, "I64");
  check(float{}, "F32");
  check(double{}, "F64");

  const auto halves = one_tensor(scratch, "F16", std::vector<std::uint16_t>{0x3c00, 0xc000, 0x3555, 0x0001, 0x7c00}, 1);
  CHECK(mf::safetensors_file(halves).read("x") == std::vector<float>{1, -2, 0.333251953125f, 0x1p-24f, INFINITY});
  const auto bfloats = one_tensor(scratch, "BF16", std::vector<std::uint16_t>{0x3f80, 0xc000, 0x3eab}, 1);
  CHECK(mf::safetensors_file(bfloats).read("x") == std::vector<float>{1, -2, 0.333984375f});
  const auto truths = one_tensor(scratch, "BOOL", std::vector<std::uint8_t>{0, 1, 1});
  CHECK(mf::safetensors_file(truths).read("x") == std::vector<float>{0, 1, 1});
  CHECK(mf::safetensors_file(truths).read<int>("x") == std::vector<int>{0, 1, 1});
}

TEST_CASE("reading refuses conversions that lose the meaning") {
  const scratch_directory scratch;
  const mf::safetensors_file floats(one_tensor(scratch, "F32", std::vector<float>{1, 1e30f}));
  CHECK(mentions(refusal([&] { floats.read<int>("x"); }), "cannot be read as integers"));
  CHECK(mentions(refusal([&] { floats.view<int>("x"); }), "wrong dtype; expected I32; got F32"));
  CHECK(floats.read<double>("x") == std::vector<double>{1, double{1e30f}});

  const mf::safetensors_file integers(one_tensor(scratch, "I64", std::vector<std::int64_t>{7, -1, 1'000'000}));
  CHECK(mentions(refusal([&] { integers.read<std::uint64_t>("x"); }), "out of range at position 1"));
  CHECK(mentions(refusal([&] { integers.read<std::int16_t>("x"); }), "position 2; expected I16; got 1000000"));
  CHECK(integers.read<int>("x") == std::vector<int>{7, -1, 1'000'000});

  const mf::safetensors_file doubles(one_tensor(scratch, "F64", std::vector<double>{1e300, -1e300, 0.1}));
  CHECK(doubles.read("x") == std::vector<float>{INFINITY, -INFINITY, 0.1f});

  std::vector<float> three(3, 5.0f);
  const std::string problem = refusal([&] { floats.read_into("x", std::span<float>(three)); });
  CHECK(mentions(problem, "tensor 'x': wrong number of values; expected 3; got 2 in shape [2]"));
  CHECK(three == std::vector<float>(3, 5.0f));
}

TEST_CASE("names, metadata and lookup") {
  const scratch_directory scratch;
  const std::string header =
      R"({"head.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},"__metadata__":{"b":"2","a":"\u00fc\n"},)"
      R"("head.bias":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  const std::uint64_t length = header.size();
  const float values[] = {1, 2, 3};
  write_text(scratch / "two", std::string(reinterpret_cast<const char*>(&length), 8) + header +
                                  std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  mf::safetensors_file file(scratch / "two");
  CHECK(file.path() == scratch / "two");
  CHECK(file.names() == std::vector<std::string>{"head.weight", "head.bias"});
  CHECK(file.metadata() == std::map<std::string, std::string>{{"a", "\u00fc\n"}, {"b", "2"}});
  CHECK(file.contains("head.bias"));
  CHECK(!file.contains("__metadata__"));
  CHECK(file.at("head.weight").shape == std::vector<mf::isize>{1, 2});
  CHECK(file.at("head.weight").dtype == mf::storage_type::f32);
  CHECK(file.read("head.weight") == std::vector<float>{2, 3});
  CHECK(file.read("head.bias") == std::vector<float>{1});

  const std::string problem = refusal([&] { file.at("head.wieght"); });
  CHECK(mentions(problem, (scratch / "two").string()));
  CHECK(mentions(problem, "no such tensor; expected perhaps 'head.weight'; got 'head.wieght'"));
  CHECK(mentions(refusal([&] { file.read(std::string(100'000, 'x')); }), "no such tensor"));

  const mf::safetensors_file moved(std::move(file));
  CHECK(moved.read("head.weight") == std::vector<float>{2, 3});
  CHECK(!file.contains("head.weight"));
}

TEST_CASE("edit distance") {
  CHECK(mf::detail::edit_distance("", "") == 0);
  CHECK(mf::detail::edit_distance("", "abc") == 3);
  CHECK(mf::detail::edit_distance("kitten", "sitting") == 3);
  CHECK(mf::detail::edit_distance("sitting", "kitten") == 3);
  CHECK(mf::detail::edit_distance("weight", "weight") == 0);
}

TEST_CASE("files that cannot be used are refused when opened") {
  const scratch_directory scratch;
  const auto opening = [&](const std::filesystem::path& path) {
    return refusal([&] { mf::safetensors_file file(path); });
  };
  CHECK(mentions(opening(scratch / "missing"), "No such file"));
  CHECK(mentions(opening(scratch.path()), "a regular file"));
  write_text(scratch / "empty", "");
  CHECK(mentions(opening(scratch / "empty"), "file too short"));
  const auto path = one_tensor(scratch, "F32", std::vector<float>{1, 2});
  const std::string text = read_text(path);
  for (std::size_t size = 0; size < text.size(); ++size) {
    write_text(path, std::string_view(text).substr(0, size));
    CAPTURE(size);
    CHECK(opening(path).starts_with(path.string()));
  }
}

}  // namespace test_io_safetensors
