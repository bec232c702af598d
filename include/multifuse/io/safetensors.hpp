#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <multifuse/core/error.hpp>
#include <multifuse/io/file.hpp>
#include <multifuse/io/safetensors_header.hpp>
#include <multifuse/io/storage_type.hpp>

namespace multifuse {
namespace detail {

/// Number of characters to insert, delete or change to get from one text to the other (Levenshtein distance).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace detail

/// A safetensors file, mapped into memory: an 8-byte little-endian header size, a JSON header that gives for each name
/// dtype, shape and offsets, then the data (https://github.com/huggingface/safetensors, "Format"). Everything that the
/// header says is checked when the file is opened; nothing is copied until it is read.
///
///     multifuse::safetensors_file file("weights.safetensors");
///     std::vector<float> weight = file.read("head.weight");
class safetensors_file {
 public:
  /// Opens and checks the file; throws file_error when it cannot be read, is truncated, or breaks the format: header
  /// size, JSON, duplicate names, unknown dtype, shape, offsets out of bounds, overlapping, or not covering the data.
  explicit safetensors_file(const std::filesystem::path& path) : file_(path) {
    detail::safetensors_header header(file_.bytes(), path.string());
    metadata_ = std::move(header.metadata);
    entries_ = std::move(header.entries);
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
  }

  const std::filesystem::path& path() const { return file_.path(); }

  /// The free-form texts stored under `__metadata__`, by key.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The names of the tensors, in the order of the header.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : entries_) result.push_back(entry.name);
    return result;
  }

  bool contains(std::string_view name) const { return index_.contains(name); }

  /// Type, shape and bytes of a tensor. Throws file_error, which names the closest name there is, when it is missing.
  const safetensors_entry& at(std::string_view name) const {
    if (const auto found = index_.find(name); found != index_.end()) return entries_[found->second];
    std::string closest = entries_.empty() ? "a file with tensors" : "";
    std::size_t least = static_cast<std::size_t>(-1);
    for (const auto& entry : entries_) {
      const std::size_t distance =
          detail::edit_distance(name.substr(0, 256), std::string_view(entry.name).substr(0, 256));
      if (distance < least) closest = "perhaps " + detail::in_quotes(entry.name);
      least = std::min(least, distance);
    }
    throw file_error(path().string(), "no such tensor", closest, detail::in_quotes(name));
  }

  /// Copies a tensor, converted to T, into `out`. Floating point types round to the nearest T; integers must fit.
  /// Throws file_error when the tensor is missing, holds another number of values than `out`, holds floating point
  /// values and T is an integer, or holds an integer that T does not.
  template <storage_number T>
  void read_into(std::string_view name, std::span<T> out) const {
    const safetensors_entry& entry = at(name);
    const std::size_t count = entry.bytes.size() / describe(entry.dtype).bytes;
    if (count != out.size())
      throw file_error(where(entry), "wrong number of values", std::to_string(out.size()),
                       std::to_string(count) + " in shape " + detail::shape_text(entry.shape));
    detail::with_storage_type(entry.dtype, [&]<class Stored>(Stored stored) {
      using value = decltype(detail::to_number(stored));
      if constexpr (std::integral<T> && !std::integral<value>) {
        throw file_error(where(entry), "cannot be read as integers", "an integer dtype", describe(entry.dtype).name);
      } else {
        for (std::size_t i = 0; i < count; ++i) {
          std::memcpy(&stored, entry.bytes.data() + i * sizeof(Stored), sizeof(Stored));  // may not be aligned
          const value number = detail::to_number(stored);
          if constexpr (std::integral<T>) {
            if (!std::in_range<T>(number))
              throw file_error(where(entry), "integer out of range at position " + std::to_string(i),
                               describe(storage_type_of<T>()).name, std::to_string(number));
          }
          out[i] = static_cast<T>(number);
        }
      }
    });
  }

  /// A tensor as a vector of T, row by row; see read_into.
  template <storage_number T = float>
  std::vector<T> read(std::string_view name) const {
    const safetensors_entry& entry = at(name);
    std::vector<T> values(entry.bytes.size() / describe(entry.dtype).bytes);
    read_into(name, std::span<T>(values));
    return values;
  }

  /// The values of a tensor in place, without a copy, valid as long as this object. Throws file_error when it is
  /// missing, is not stored as T, or does not lie at an address that is aligned for T.
  template <storage_number T>
  std::span<const T> view(std::string_view name) const {
    const safetensors_entry& entry = at(name);
    if (entry.dtype != storage_type_of<T>())
      throw file_error(where(entry), "wrong dtype", describe(storage_type_of<T>()).name, describe(entry.dtype).name);
    if (reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % alignof(T) != 0)
      throw file_error(where(entry), "data cannot be viewed in place",
                       "an address that is a multiple of " + std::to_string(alignof(T)), "an unaligned one");
    return {reinterpret_cast<const T*>(entry.bytes.data()), entry.bytes.size() / sizeof(T)};
  }

 private:
  std::string where(const safetensors_entry& entry) const {
    return path().string() + ", tensor " + detail::in_quotes(entry.name);
  }

  mapped_file file_;
  std::map<std::string, std::string> metadata_;
  std::vector<safetensors_entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace multifuse
