#include <multifuse/io/safetensors_write.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <multifuse/io/safetensors.hpp>

#include "file_size_limit.hpp"
#include "scratch_directory.hpp"

namespace test_io_safetensors_write {

namespace mf = multifuse;

TEST_CASE("what is written is read back, for every element type") {
  const scratch_directory scratch;
  const auto path = scratch / "all.safetensors";
  for (const auto& description : mf::storage_types) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < 6 * description.bytes; ++i) bytes.push_back(static_cast<std::byte>(i * 37 + 5));
    mf::safetensors_writer writer;
    writer.add("x", description.type, bytes, {2, 3});
    writer.write(path);
    const mf::safetensors_file file(path);
    CHECK(file.names() == std::vector<std::string>{"x"});
    CHECK(file.at("x").dtype == description.type);
    CHECK(file.at("x").shape == std::vector<mf::isize>{2, 3});
    CHECK(std::vector<std::byte>(file.at("x").bytes.begin(), file.at("x").bytes.end()) == bytes);
  }

  const auto typed = [&]<class T>(T) {
    const std::vector<T> values{T{0}, T{1}, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest()};
    mf::safetensors_writer writer;
    writer.add("x", values, {4});
    writer.write(path);
    CHECK(mf::safetensors_file(path).read<T>("x") == values);
    CHECK(mf::safetensors_file(path).at("x").dtype == mf::storage_type_of<T>());
  };
  typed(std::uint8_t{});
  typed(std::int8_t{});
  typed(std::uint16_t{});
  typed(std::int16_t{});
  typed(std::uint32_t{});
  typed(std::int32_t{});
  typed(std::uint64_t{});
  typed(std::int64_t{});
  typed(float{});
  typed(double{});
}

TEST_CASE("many tensors: order of the names, alignment, metadata, the same bytes each time") {
  const scratch_directory scratch;
  const std::array<bool, 3> truths{true, false, true};
  const std::vector<float> weight{1.5f, -2.0f}, none;
  const std::vector<double> scale{0.1};
  const std::vector<std::int16_t> labels{-5, 6, 7};
  const std::string odd_name = "n\u00e4me \"quoted\" \\ \x01\n\U0001f39e",
                    odd_value = std::string("a\0b", 3) + "\x1f\x7f";
  const auto write = [&](const std::filesystem::path& path) {
    mf::safetensors_writer writer;
    writer.metadata("z", "last letter first");
    writer.metadata(odd_name, odd_value);
    writer.add("truths", truths, {3});
    writer.add(odd_name, weight, {1, 2});
    writer.add("none", none, {4, 0});
    writer.add("labels", labels, {3});
    writer.add("scale", scale, {});
    writer.write(path);
  };
  write(scratch / "a");
  write(scratch / "b");
  CHECK(read_text(scratch / "a") == read_text(scratch / "b"));
  const mf::safetensors_file file(scratch / "a");
  CHECK(file.names() == std::vector<std::string>{"truths", odd_name, "none", "labels", "scale"});
  CHECK(file.metadata() == std::map<std::string, std::string>{{"z", "last letter first"}, {odd_name, odd_value}});
  CHECK(file.read<int>("truths") == std::vector<int>{1, 0, 1});
  CHECK(file.at("truths").dtype == mf::storage_type::boolean);
  CHECK(file.at("none").shape == std::vector<mf::isize>{4, 0});
  CHECK(file.read("none").empty());
  CHECK(file.view<float>(odd_name)[1] == -2.0f);
  CHECK(file.view<std::int16_t>("labels")[0] == -5);
  CHECK(file.view<double>("scale")[0] == 0.1);
  std::uint64_t length = 0;
  std::memcpy(&length, read_text(scratch / "a").data(), sizeof(length));
  CHECK((length + sizeof(length)) % 64 == 0);

  SUBCASE("a file can be rewritten from its own mapping") {
    mf::safetensors_writer writer;
    for (const std::string& name : file.names()) {
      const auto& entry = file.at(name);
      writer.add(name, entry.dtype, entry.bytes, entry.shape);
    }
    writer.write(scratch / "a");
    CHECK(mf::safetensors_file(scratch / "a").read(odd_name) == weight);
  }
}

TEST_CASE("a writer without tensors writes an empty file") {
  const scratch_directory scratch;
  mf::safetensors_writer().write(scratch / "a");
  CHECK(mf::safetensors_file(scratch / "a").names().empty());
  mf::safetensors_writer writer;
  writer.metadata("only", "this");
  writer.write(scratch / "a");
  CHECK(mf::safetensors_file(scratch / "a").metadata().at("only") == "this");
}

TEST_CASE("names, shapes and texts that cannot be written are refused, and the writer stays usable") {
  const scratch_directory scratch;
  const std::vector<float> values{1, 2, 3};
  mf::safetensors_writer writer;
  writer.add("x", values, {3});
  writer.metadata("key", "value");
  const auto argument = [&](auto&& action) { return message_of<mf::argument_error>(action); };
  const auto shape = [&](std::vector<mf::isize> extents) {
    return message_of<mf::shape_error>([&] { writer.add("y", values, extents); });
  };
  CHECK(mentions(argument([&] { writer.add("x", values, {3}); }), "duplicate name"));
  CHECK(mentions(argument([&] { writer.add("__metadata__", values, {3}); }), "reserved name"));
  CHECK(mentions(argument([&] { writer.metadata("key", "other"); }), "duplicate key"));
  for (const std::string_view text :
       {"\xff", "\x80", "a\xc3", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xe2\x82", "\xc3("}) {
    CHECK(mentions(argument([&] { writer.add(text, values, {3}); }), "not UTF-8"));
    CHECK(mentions(argument([&] { writer.metadata(text, ""); }), "not UTF-8"));
    CHECK(mentions(argument([&] { writer.metadata("other", text); }), "not UTF-8"));
  }
  CHECK(mentions(shape({4}), "tensor 'y': values do not fit the shape; expected [4] of F32; got 12 bytes"));
  CHECK(shape({}) != "");
  CHECK(shape({-3}) != "");
  CHECK(shape({3, std::numeric_limits<mf::isize>::max()}) != "");
  writer.add("y", values, {1, 3});
  writer.metadata("other", "\u20ac");
  writer.write(scratch / "a");
  const mf::safetensors_file file(scratch / "a");
  CHECK(file.names() == std::vector<std::string>{"x", "y"});
  CHECK(file.metadata().size() == 2);
}

TEST_CASE("a failed write leaves the old file as it was") {
  const scratch_directory scratch;
  const std::vector<float> large(10'000, 1.0f);
  mf::safetensors_writer small_writer, large_writer;
  small_writer.metadata("version", "old");
  small_writer.write(scratch / "a");
  large_writer.add("x", large, {10'000});
  const std::string before = read_text(scratch / "a");
  const std::string problem = message_of<mf::file_error>([&] {
    const file_size_limit limit(20'000);
    large_writer.write(scratch / "a");
  });
  CHECK(mentions(problem, "cannot write"));
  CHECK(read_text(scratch / "a") == before);
  CHECK(scratch.count() == 1);
  CHECK(mentions(message_of<mf::file_error>([&] { large_writer.write(scratch / "none/a"); }), "cannot open"));
}

}  // namespace test_io_safetensors_write
