#include <multifuse/io/safetensors_header.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>

#include "scratch_directory.hpp"

namespace test_io_safetensors_header {

namespace mf = multifuse;

namespace {

/// A file as text: the size of the header, the header, zero bytes for data.
std::string file_text(std::string_view header, std::size_t data) {
  const std::uint64_t length = header.size();
  std::string text(sizeof(length), '\0');
  std::memcpy(text.data(), &length, sizeof(length));
  return text.append(header).append(data, '\0');
}

/// Parses a copy of exactly that size, so that the address sanitizer sees any read beyond it, and uses everything that
/// the header announces. Returns the number of tensors.
std::size_t parse(std::string_view text) {
  const auto copy = std::make_unique<std::byte[]>(text.size());
  std::memcpy(copy.get(), text.data(), text.size());
  const mf::detail::safetensors_header header({copy.get(), text.size()}, "file");
  std::size_t used = 0;
  for (const auto& entry : header.entries) {
    const auto expected = mf::detail::byte_count(entry.shape, mf::describe(entry.dtype).bytes);
    REQUIRE(expected.has_value());
    REQUIRE(*expected == entry.bytes.size());
    for (const std::byte value : entry.bytes) used += value == std::byte{0} ? 1 : 0;
  }
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), sizeof(length));
  REQUIRE(used == text.size() - sizeof(length) - length);
  return header.entries.size();
}

std::string refusal(std::string_view text) {
  return message_of<mf::file_error>([&] { parse(text); });
}

/// Message for a header in front of the given number of data bytes.
std::string header_refusal(std::string_view header, std::size_t data) { return refusal(file_text(header, data)); }

const std::string good_header =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},"c":{"dtype":"F16","shape":[0],"data_offsets":[11,11]}})";

}  // namespace

TEST_CASE("good headers are read") {
  CHECK(parse(file_text(good_header, 11)) == 3);
  CHECK(parse(file_text("{}", 0)) == 0);
  CHECK(parse(file_text("{}   \n", 0)) == 0);
  CHECK(parse(file_text(R"({"":{"shape":[],"data_offsets":[0,1],"dtype":"BOOL"}})", 1)) == 1);
  // the order of the header need not be the order of the data
  CHECK(parse(file_text(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                        R"("b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                        2)) == 2);
}

TEST_CASE("malformed headers are refused with the reason") {
  struct hostile {
    std::string_view header, reason;
    std::size_t data = 4;
  };
  const hostile table[] = {
      {R"([])", "not a JSON object"},
      {R"( {})", "not a JSON object"},
      {"", "not a JSON object"},
      {R"({)", "not valid JSON"},
      {R"({} x)", "not valid JSON"},
      {R"({}{})", "not valid JSON"},
      {R"({"a":1})", "wrong value of 'a'"},
      {R"({"a":[]})", "wrong value of 'a'"},
      {R"({"a":"x"})", "wrong value of 'a'"},
      {R"({"a":null})", "wrong value of 'a'"},
      {R"({"a":true})", "wrong value of 'a'"},
      {R"({"a":{}})", "missing field; expected dtype"},
      {R"({"a":{"dtype":"F32"}})", "missing field; expected shape"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", "missing field; expected data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "unknown field"},
      {R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "unknown dtype"},
      {R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", "unknown dtype"},
      {R"({"a":{"dtype":"","shape":[1],"data_offsets":[0,4]}})", "unknown dtype"},
      {R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", "wrong value of dtype"},
      {R"({"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})", "wrong value of dtype"},
      {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[{}],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}})", "number too large in shape"},
      {R"({"a":{"dtype":"F32","shape":[99999999999999999999999],"data_offsets":[0,4]}})", "wrong value in shape"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", "shape too large"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}})", "shape too large"},
      {R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,2],"data_offsets":[0,0]}})", "shape too large", 0},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[]}})", "wrong data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "wrong data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", "wrong data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":{"begin":0}}})", "wrong value in data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "out of bounds"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})", "out of bounds"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}})", "out of bounds"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}})",
       "out of bounds"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}})", "do not fit shape [1]; expected 4 bytes; got 3"},
      {R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}})", "do not fit shape"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "data do not fill the file", 5},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})", "unused bytes before the data", 5},
      {R"({})", "data do not fill the file", 1},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})",
       "tensor 'b': data overlap"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       "data overlap"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
       "tensor 'b': data overlap"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
       "tensor 'b': unused bytes"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
       "duplicate name"},
      {R"({"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}})", "duplicate key"},
      {R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", "duplicate key"},
      {R"({"__metadata__":{"x":"1","x":"2"}})", "duplicate key", 0},
      {R"({"__metadata__":{},"__metadata__":{}})", "duplicate name", 0},
      {R"({"__metadata__":[]})", "wrong value of '__metadata__'", 0},
      {R"({"__metadata__":{"x":1}})", "wrong value of metadata 'x'", 0},
      {R"({"__metadata__":{"x":{}}})", "wrong value of metadata 'x'", 0},
      {R"({"__metadata__":{"x":["1"]}})", "wrong value of metadata 'x'", 0},
      {R"({"__metadata__":{"x":null}})", "wrong value of metadata 'x'", 0},
      {"{\"\xff\":{}}", "not valid JSON"},
      {"{\"__metadata__\":{\"x\":\"\xed\xa0\x80\"}}", "not valid JSON", 0},
      {R"({"__metadata__":{"x":"\ud800"}})", "not valid JSON", 0},
      {R"({/**/})", "not valid JSON", 0},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},})", "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}})", "not valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}})", "not valid JSON"},
  };
  for (const hostile& entry : table) {
    CAPTURE(entry.header);
    const std::string message = header_refusal(entry.header, entry.data);
    CAPTURE(message);
    CHECK(message.starts_with("file"));
    CHECK(mentions(message, entry.reason));
  }
  std::string many = R"({"a":{"dtype":"U8","shape":[1)";
  for (int i = 0; i < 100'000; ++i) many += ",1";
  CHECK(mentions(header_refusal(many + R"(],"data_offsets":[0,1]}})", 1), "too many numbers in shape"));
  using namespace std::string_view_literals;
  CHECK(mentions(header_refusal("{}\0\0"sv, 0), "zero byte"));
  CHECK(mentions(header_refusal("{}\0{\"a\":1}"sv, 0), "zero byte"));
}

TEST_CASE("deep nesting is refused without deep recursion") {
  const std::string deep(100'000, '['), objects = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "{\"a\":";
    return text;
  }();
  CHECK(mentions(header_refusal("{\"a\":" + deep, 0), "wrong value of 'a'"));
  CHECK(mentions(header_refusal("{\"a\":{\"shape\":" + deep, 0), "wrong value in shape"));
  CHECK(mentions(header_refusal("{\"__metadata__\":{\"x\":" + deep, 0), "wrong value of metadata"));
  CHECK(mentions(header_refusal(objects, 0), "unknown field"));
}

TEST_CASE("header sizes that do not fit the file are refused") {
  const auto with_length = [](std::uint64_t length, std::size_t rest) {
    std::string text(sizeof(length), '\0');
    std::memcpy(text.data(), &length, sizeof(length));
    return text + std::string(rest, ' ');
  };
  CHECK(mentions(refusal(""), "file too short"));
  CHECK(mentions(refusal(with_length(2, 1)), "wrong header size; expected at most 1 bytes; got 2"));
  for (const std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7})
    CHECK(mentions(refusal(with_length(length, 100)), "wrong header size"));
  CHECK(mentions(refusal(with_length(100'000'001, 100'000'010)), "at most 100000000 bytes"));
}

TEST_CASE("truncated at any byte, a file is refused") {
  const std::string text = file_text(good_header, 11);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(text.substr(0, size)) != "");
  }
  CHECK(refusal(text) == "");
  CHECK(mentions(refusal(text + '\0'), "data do not fill the file"));
}

TEST_CASE("with any bit of the size and header flipped, a file is refused or consistent") {
  const std::string text = file_text(good_header, 11);
  int refused = 0, read = 0;
  for (std::size_t i = 0; i < 8 + good_header.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ 1 << bit);
      // parse itself checks that what is read is consistent; other exceptions than file_error end the test
      ++(refusal(flipped).empty() ? read : refused);
    }
  }
  MESSAGE(refused << " flips refused, " << read << " read");
  CHECK(refused > 1000);  // the others are in names and in the texts of the metadata
}

}  // namespace test_io_safetensors_header
