#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <xtensor/xarray.hpp>

#include <multifuse/core/error.hpp>
#include <multifuse/core/types.hpp>
#include <multifuse/io/file.hpp>
#include <multifuse/io/storage_type.hpp>

namespace multifuse {

/// C++ types that .npy files can hold: numbers that NumPy knows as well, and bool.
template <class T>
concept npy_element = std::is_arithmetic_v<T> && (storage_number<T> || std::same_as<T, bool>);

namespace detail {

/// The element type as NumPy writes it, e.g. "<f4".
template <class T>
std::string npy_descriptor() {
  constexpr char kind = std::same_as<T, bool>     ? 'b'
                        : std::floating_point<T>  ? 'f'
                        : std::signed_integral<T> ? 'i'
                                                  : 'u';
  return std::string(sizeof(T) == 1 ? "|" : "<") + kind + std::to_string(sizeof(T));
}

/// Reads the header of a .npy file: a Python dictionary with the keys descr, fortran_order and shape, in any order.
class npy_header {
 public:
  std::string descriptor;
  bool fortran_order = false;
  std::vector<isize> shape;
  std::span<const std::byte> data;  // what follows the header

  /// Throws file_error when the file is not in format 1.0, 2.0 or 3.0, or its header is truncated or malformed.
  npy_header(std::span<const std::byte> file, std::string where) : where_(std::move(where)) {
    constexpr std::string_view magic = "\x93NUMPY";
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    if (!text.starts_with(magic))
      refuse("not a .npy file", "it to begin with \\x93NUMPY", in_quotes(text.substr(0, 6)));
    if (text.size() < 8) refuse("truncated", "a format version", "end of the file");
    const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(text[i])}; };
    const std::size_t major = byte(6), minor = byte(7);
    if (major < 1 || major > 3 || minor != 0)
      refuse("unknown format version", "1.0, 2.0 or 3.0", std::to_string(major) + "." + std::to_string(minor));
    const std::size_t begin = major == 1 ? 10 : 12;
    if (text.size() < begin) refuse("truncated", "a header size", "end of the file");
    std::size_t length = byte(8) | byte(9) << 8;
    if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
    if (length > text.size() - begin)
      refuse("wrong header size", "at most " + std::to_string(text.size() - begin), std::to_string(length));
    rest_ = text.substr(begin, length);
    data = file.subspan(begin + length);
    parse();
  }

  [[noreturn]] void refuse(std::string_view problem, std::string_view expected, std::string_view got) const {
    throw file_error(where_, problem, expected, got);
  }

 private:
  static constexpr std::array<std::string_view, 3> keys{"descr", "fortran_order", "shape"};

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  bool accept(std::string_view token) {
    skip_spaces();
    const bool found = rest_.starts_with(token);
    if (found) rest_.remove_prefix(token.size());
    return found;
  }

  [[noreturn]] void malformed(std::string_view expected) const {
    refuse("malformed header", expected, rest_.empty() ? "its end" : in_quotes(rest_.substr(0, 40)));
  }

  void require(std::string_view token) {
    if (!accept(token)) malformed(in_quotes(token));
  }

  std::string string() {
    const char* const quote = accept("'") ? "'" : accept("\"") ? "\"" : nullptr;
    const std::size_t length = quote == nullptr ? rest_.npos : rest_.find(quote);
    if (length == rest_.npos) malformed("a string");
    const std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length + 1);
    return text;
  }

  void parse() {
    std::array<bool, keys.size()> seen{};
    require("{");
    while (!accept("}")) {
      const std::string key = string();
      const auto known = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
      if (known == keys.size()) refuse("unknown key in the header", "descr, fortran_order, shape", in_quotes(key));
      if (std::exchange(seen[known], true)) refuse("duplicate key in the header", "each key once", in_quotes(key));
      require(":");
      if (known == 0) descriptor = string();
      if (known == 1) parse_order();
      if (known == 2) parse_shape();
      if (accept(",")) continue;
      require("}");
      break;
    }
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (!seen[i]) refuse("missing key in the header", keys[i], "");
    skip_spaces();
    if (!rest_.empty()) malformed("nothing after the dictionary");
  }

  void parse_order() {
    fortran_order = accept("True");
    if (!fortran_order && !accept("False")) malformed("True or False");
  }

  void parse_shape() {
    require("(");
    while (!accept(")")) {
      skip_spaces();
      isize extent = -1;
      const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (problem != std::errc{} || extent < 0) malformed("an extent from 0 to 2^63 - 1");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      shape.push_back(extent);
      if (shape.size() > most_axes) refuse("too many axes", "at most " + std::to_string(most_axes), "");
      if (accept(",")) continue;
      require(")");
      break;
    }
  }

  std::string where_;
  std::string_view rest_;
};

}  // namespace detail

/// Reads an array that NumPy, or save_npy, has written (format: NumPy reference, numpy.lib.format); T must be the type
/// that is stored. The header is read here rather than by xt::load_npy, which trusts what the header says, takes sizes
/// with a low byte above 127 for others, and costs two seconds to compile.
///
///     xt::xarray<float> features = multifuse::load_npy<float>("features.npy");
///
/// Throws file_error when the file cannot be read, is malformed, stores another type, is in column-major order, or has
/// more or fewer bytes than its shape says.
template <class T>
  requires npy_element<T>
xt::xarray<T> load_npy(const std::filesystem::path& path) {
  const mapped_file file(path);
  const detail::npy_header header(file.bytes(), path.string());
  if (header.descriptor != detail::npy_descriptor<T>())
    header.refuse("wrong element type", detail::npy_descriptor<T>(), detail::in_quotes(header.descriptor));
  if (header.fortran_order) header.refuse("wrong order of the elements", "row-major", "column-major");
  const auto bytes = detail::byte_count(header.shape, sizeof(T));
  if (bytes != header.data.size())
    header.refuse("data do not fit shape " + detail::shape_text(header.shape),
                  bytes ? std::to_string(*bytes) + " bytes" : "fewer than 2^63 bytes",
                  std::to_string(header.data.size()));
  if constexpr (std::same_as<T, bool>) {
    for (const std::byte value : header.data)
      if (value > std::byte{1})
        header.refuse("wrong truth value", "0 or 1", std::to_string(std::to_integer<int>(value)));
  }
  auto array = xt::xarray<T>::from_shape(std::vector<std::size_t>(header.shape.begin(), header.shape.end()));
  if (!header.data.empty()) std::memcpy(array.data(), header.data.data(), header.data.size());
  return array;
}

/// Writes an array, a view or any other expression of xtensor for NumPy, all or nothing (see atomic_file), row-major,
/// in format 1.0; expressions are evaluated on the way. Throws file_error when the system refuses and argument_error
/// when there are more axes than NumPy knows.
template <class Expression>
  requires npy_element<typename Expression::value_type>
void save_npy(const std::filesystem::path& path, const xt::xexpression<Expression>& expression) {
  using value = typename Expression::value_type;
  const Expression& source = expression.derived_cast();
  if (source.dimension() > detail::most_axes)
    throw argument_error("save_npy", "too many axes", "at most " + std::to_string(detail::most_axes),
                         std::to_string(source.dimension()));
  std::string header = "{'descr': '" + detail::npy_descriptor<value>() + "', 'fortran_order': False, 'shape': (";
  for (const auto extent : source.shape()) header.append(std::to_string(extent)).append(", ");
  if (source.dimension() > 1) header.resize(header.size() - 2);
  header += "), }";
  constexpr std::size_t before = 10, alignment = 64;
  header.append(alignment - 1 - (before + header.size()) % alignment, ' ').append("\n");
  const auto length = static_cast<std::uint16_t>(header.size());
  atomic_file file(path);
  file.write(std::string_view("\x93NUMPY\x01\x00", 8));
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  constexpr std::size_t block = 65536 / sizeof(value);
  const auto buffer = std::make_unique<value[]>(block);
  auto next = source.template begin<xt::layout_type::row_major>();
  for (std::size_t left = source.size(); left > 0;) {
    const std::size_t count = std::min(left, block);
    for (std::size_t i = 0; i < count; ++i, ++next) buffer[i] = *next;
    file.write(std::as_bytes(std::span(buffer.get(), count)));
    left -= count;
  }
  file.commit();
}

}  // namespace multifuse
