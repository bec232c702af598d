// g++ 12 warns about std::regex, which xtensor's reader uses, when it compiles with sanitizers.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <multifuse/io/npy.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>
#include <xtensor/xnpy.hpp>
#include <xtensor/xview.hpp>

#include "file_size_limit.hpp"
#include "scratch_directory.hpp"

namespace test_io_npy {

namespace mf = multifuse;

namespace {

std::string file_text(std::string_view header, std::string_view data, char major = 1) {
  std::string text = "\x93NUMPY";
  text += {major, '\0'};
  const auto length = static_cast<std::uint32_t>(header.size());
  text.append(reinterpret_cast<const char*>(&length), major == 1 ? 2 : 4);
  return text.append(header).append(data);
}

std::string refusal(const std::filesystem::path& path) {
  return message_of<mf::file_error>([&] { mf::load_npy<float>(path); });
}

/// Parses a copy of exactly that size, so that the address sanitizer sees any read beyond it.
bool parses(std::string_view text) {
  const auto copy = std::make_unique<std::byte[]>(text.size());
  std::memcpy(copy.get(), text.data(), text.size());
  try {
    const mf::detail::npy_header header({copy.get(), text.size()}, "file");
    const auto bytes = mf::detail::byte_count(header.shape, sizeof(float));
    return header.descriptor == "<f4" && !header.fortran_order && bytes == header.data.size();
  } catch (const mf::file_error&) {
    return false;
  }
}

const std::string good_header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
const std::string eight_bytes("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);

}  // namespace

TEST_CASE_TEMPLATE("arrays round-trip, and xtensor's own reader and writer agree", T, float, double, bool, std::int8_t,
                   std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t,
                   std::uint64_t) {
  const scratch_directory scratch;
  xt::xarray<T> array = xt::xarray<T>::from_shape({2, 3});
  const T some[] = {T(0), T(1), std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), T(1), T(0)};
  std::copy(std::begin(some), std::end(some), array.begin());
  mf::save_npy(scratch / "ours.npy", array);
  xt::dump_npy((scratch / "theirs.npy").string(), array);
  const xt::xarray<T> theirs = xt::load_npy<T>((scratch / "ours.npy").string());
  CHECK(theirs == array);
  CHECK(mf::load_npy<T>(scratch / "ours.npy") == array);
  CHECK(mf::load_npy<T>(scratch / "theirs.npy") == array);
}

TEST_CASE("shapes, views and expressions") {
  const scratch_directory scratch;
  const auto path = scratch / "a.npy";
  const auto round_trip = [&](const auto& expression) {
    mf::save_npy(path, expression);
    CHECK(std::filesystem::file_size(path) % 4 == 0);
    return mf::load_npy<float>(path);
  };
  xt::xarray<float> scalar = 5.0f, vector{1, 2, 3}, empty = xt::xarray<float>::from_shape({3, 0, 2});
  CHECK(round_trip(scalar) == scalar);
  CHECK(round_trip(vector) == vector);
  CHECK(round_trip(empty).shape() == empty.shape());
  CHECK(read_text(path).find("(3, 0, 2)") != std::string::npos);

  xt::xarray<float> matrix{{1, 2, 3}, {4, 5, 6}};
  CHECK(round_trip(xt::view(matrix, xt::all(), 1)) == xt::xarray<float>{2, 5});
  CHECK(round_trip(xt::transpose(matrix)) == xt::xarray<float>{{1, 4}, {2, 5}, {3, 6}});
  CHECK(round_trip(matrix + 1.0f) == xt::xarray<float>{{2, 3, 4}, {5, 6, 7}});
  xt::xarray<float, xt::layout_type::column_major> columns = matrix;
  CHECK(round_trip(columns) == matrix);

  // more than one block of the writer, and a header longer than 128 bytes
  xt::xarray<float> large = xt::arange<float>(100'000);
  CHECK(round_trip(large) == large);
  std::vector<std::size_t> many(40, 1);
  many[7] = 100'000;
  large.reshape(many);
  CHECK(round_trip(large) == large);
  many.assign(65, 1);
  CHECK(mentions(message_of<mf::argument_error>([&] { mf::save_npy(path, xt::xarray<float>::from_shape(many)); }),
                 "too many axes"));
}

TEST_CASE("every form of a valid header is read") {
  const scratch_directory scratch;
  const auto path = scratch / "a.npy";
  xt::xarray<float> expected{1, 2};
  expected.reshape({2, 1});
  const std::string_view headers[] = {
      good_header,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1)}",
      "{'shape':(2,1,),'fortran_order':False,'descr':'<f4'}   \n",
      " { \"shape\" : ( 2 , 1 ) , \"descr\" : \"<f4\" , \"fortran_order\" : False } ",
  };
  for (const std::string_view header : headers) {
    for (const char major : {'\1', '\2', '\3'}) {
      write_text(path, file_text(header, eight_bytes, major));
      CHECK(mf::load_npy<float>(path) == expected);
    }
  }
  write_text(path, file_text(std::string(good_header) + std::string(300, ' '), eight_bytes));
  CHECK(mf::load_npy<float>(path) == expected);
}

TEST_CASE("malformed files are refused with the reason") {
  const scratch_directory scratch;
  const auto path = scratch / "a.npy";
  struct hostile {
    std::string_view header, reason;
    std::size_t data = 8;
  };
  const hostile table[] = {
      {"", "malformed header; expected '{'; got its end"},
      {"{", "malformed header; expected a string"},
      {"{}", "missing key in the header; expected descr"},
      {"{'descr': '<f4', 'shape': (2,)}", "expected fortran_order"},
      {"{'descr': '<f4', 'fortran_order': False}", "expected shape"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "malformed header; expected '}'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "expected nothing after the dictionary"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2", "expected ')'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, x)}", "expected an extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "expected an extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (+2,)}", "expected an extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "expected ')'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "expected an extent"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "expected '('"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "expected True or False"},
      {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}", "expected a string"},
      {"{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}", "malformed header"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "duplicate key"},
      {"{'descr': '<f4', 'order': False, 'shape': (2,)}", "unknown key in the header"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", "wrong element type; expected <f4; got '>f4'"},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", "wrong element type; expected <f4; got '<f8'"},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", "wrong element type"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "wrong element type"},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1)}", "expected row-major; got column-major"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "expected 12 bytes; got 8"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "expected 4 bytes; got 8"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "expected 4 bytes; got 8"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", "expected 0 bytes; got 8"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", "fewer than 2^63 bytes"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0)}", "fewer than 2^63 bytes", 0},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 0)}", "fewer than 2^63 bytes", 0},
  };
  for (const hostile& entry : table) {
    CAPTURE(entry.header);
    write_text(path, file_text(entry.header, eight_bytes.substr(0, entry.data)));
    const std::string message = refusal(path);
    CAPTURE(message);
    CHECK(message.starts_with(path.string()));
    CHECK(mentions(message, entry.reason));
  }
  std::string many = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 10'000; ++i) many += "1,";
  write_text(path, file_text(many + ")}", eight_bytes.substr(4)));
  CHECK(mentions(refusal(path), "too many axes"));
  write_text(path, file_text(good_header, eight_bytes, '\4'));
  CHECK(mentions(refusal(path), "unknown format version; expected 1.0, 2.0 or 3.0; got 4.0"));
  write_text(path, "PK\3\4 an archive");
  CHECK(mentions(refusal(path), "not a .npy file"));
  write_text(path, file_text("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\1\2"));
  CHECK(mentions(message_of<mf::file_error>([&] { mf::load_npy<bool>(path); }), "wrong truth value"));
  CHECK(mentions(refusal(scratch / "missing"), "No such file"));
}

TEST_CASE("truncated at any byte or with any bit flipped, a file is refused or consistent") {
  for (const char major : {'\1', '\2'}) {
    const std::string text = file_text(good_header, eight_bytes, major);
    REQUIRE(parses(text));
    for (std::size_t size = 0; size < text.size(); ++size) CHECK(!parses(text.substr(0, size)));
    int read = 0;
    for (std::size_t i = 0; i < text.size() - eight_bytes.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = text;
        flipped[i] = static_cast<char>(flipped[i] ^ 1 << bit);
        read += parses(flipped) ? 1 : 0;  // whatever is not a file_error ends the test
      }
    }
    CHECK(read < 10);  // a space may become another white space, and version 2 may become 3
  }
}

TEST_CASE("a failed write leaves the old file as it was") {
  const scratch_directory scratch;
  const auto path = scratch / "a.npy";
  const xt::xarray<float> old{1, 2}, large = xt::zeros<float>({100'000});
  mf::save_npy(path, old);
  const std::string problem = message_of<mf::file_error>([&] {
    const file_size_limit limit(100'000);
    mf::save_npy(path, large);
  });
  CHECK(mentions(problem, "cannot write"));
  CHECK(mf::load_npy<float>(path) == old);
  CHECK(scratch.count() == 1);
  CHECK(mentions(message_of<mf::file_error>([&] { mf::save_npy(scratch / "none/a.npy", old); }), "cannot open"));
}

}  // namespace test_io_npy
