#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <multifuse/core/error.hpp>
#include <multifuse/core/types.hpp>
#include <multifuse/io/file.hpp>
#include <multifuse/io/storage_type.hpp>

namespace multifuse {

/// One tensor of a safetensors file.
struct safetensors_entry {
  std::string name;
  storage_type dtype{};
  std::vector<isize> shape;
  /// The values as stored, row by row, at any alignment; valid as long as the file is mapped.
  std::span<const std::byte> bytes;
};

namespace detail {

/// Receives the events of the JSON parser, checks each against the layout of the header and collects the entries.
/// Nothing nests deeper than three levels, so that depth is limited by refusing what does not belong there.
class safetensors_header {
 public:
  std::map<std::string, std::string> metadata;
  std::vector<safetensors_entry> entries;  // in the order of the header

  /// Reads and checks a whole file; throws file_error at the first thing that is wrong.
  safetensors_header(std::span<const std::byte> file, std::string where) : where_(std::move(where)) {
    std::uint64_t length = 0;
    if (file.size() < sizeof(length)) refuse("file too short", "at least 8 bytes", std::to_string(file.size()));
    std::memcpy(&length, file.data(), sizeof(length));
    const std::size_t limit = std::min(file.size() - sizeof(length), safetensors_header_limit);
    if (length > limit)
      refuse("wrong header size", "at most " + std::to_string(limit) + " bytes", std::to_string(length));
    const auto* const begin = reinterpret_cast<const char*>(file.data()) + sizeof(length);
    const std::string_view text(begin, length);
    data_ = file.subspan(sizeof(length) + length);
    if (!text.starts_with('{')) refuse("header is not a JSON object", "'{'", in_quotes(text.substr(0, 1)));
    // the JSON parser takes a zero byte for the end and would ignore what follows
    if (text.find('\0') != text.npos) refuse("zero byte in the header", "JSON text", "");
    nlohmann::json::sax_parse(text.data(), text.data() + text.size(), this);
    check_coverage();
  }

  // events, called by the JSON parser
  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a truth value"); }
  bool number_integer(std::int64_t value) { unexpected(std::to_string(value)); }
  bool number_float(double, const std::string& text) { unexpected(in_quotes(text)); }
  bool binary(nlohmann::json::binary_t&) { unexpected("binary data"); }

  bool number_unsigned(std::uint64_t value) {
    if (level_ != level::array) unexpected(std::to_string(value));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<isize>::max()))
      refuse("number too large in " + field_, "at most 2^63 - 1", std::to_string(value));
    auto& numbers = field_ == "shape" ? entry_.shape : offsets_;
    if (numbers.size() == most_axes)
      refuse("too many numbers in " + field_, "at most " + std::to_string(most_axes), "");
    numbers.push_back(static_cast<isize>(value));
    return true;
  }

  bool string(std::string& text) {
    if (level_ == level::metadata) {
      metadata[field_] = std::move(text);
    } else if (level_ == level::tensor && field_ == "dtype") {
      const auto known = std::find_if(storage_types.begin(), storage_types.end(),
                                      [&](const storage_description& type) { return type.name == text; });
      if (known == storage_types.end()) refuse("unknown dtype", known_types(), in_quotes(text));
      entry_.dtype = known->type;
    } else {
      unexpected("string " + in_quotes(text));
    }
    return true;
  }

  bool key(std::string& text) {
    field_ = std::move(text);
    if (level_ == level::root) {
      is_metadata_ = field_ == "__metadata__";
      entry_ = {};
      entry_.name = field_;
      // a name may come once; so may __metadata__
      if (!names_.insert(field_).second) refuse("duplicate name", "each name once", in_quotes(field_));
    } else if (level_ == level::metadata) {
      if (metadata.contains(field_)) refuse("duplicate key", "each key once", in_quotes(field_));
    } else {
      const auto known = std::find(fields.begin(), fields.end(), field_);
      if (known == fields.end()) refuse("unknown field", "dtype, shape, data_offsets", in_quotes(field_));
      bool& seen = seen_[static_cast<std::size_t>(known - fields.begin())];
      if (std::exchange(seen, true)) refuse("duplicate key", "each key once", in_quotes(field_));
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (level_ == level::start) {
      level_ = level::root;
    } else if (level_ == level::root) {
      level_ = is_metadata_ ? level::metadata : level::tensor;
      seen_ = {};
      offsets_.clear();
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() {
    if (level_ == level::tensor) finish_tensor();
    level_ = level_ == level::root ? level::start : level::root;
    return true;
  }

  bool start_array(std::size_t) {
    if (level_ != level::tensor || field_ == "dtype") unexpected("an array");
    level_ = level::array;
    return true;
  }

  bool end_array() {
    level_ = level::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception&) {
    const std::string_view tail =
        std::string_view(token).substr(token.size() - std::min<std::size_t>(token.size(), 40));
    throw file_error(where_, "header is not valid JSON at byte " + std::to_string(position), "", in_quotes(tail));
  }

 private:
  enum class level { start, root, metadata, tensor, array };
  static constexpr std::array<std::string_view, 3> fields{"dtype", "shape", "data_offsets"};

  [[noreturn]] void refuse(std::string_view problem, std::string_view expected, std::string_view got) const {
    const bool in_tensor = level_ == level::tensor || level_ == level::array;
    throw file_error(in_tensor ? where_ + ", tensor " + in_quotes(entry_.name) : where_, problem, expected, got);
  }

  [[noreturn]] void unexpected(std::string_view got) const {
    if (level_ == level::root) refuse("wrong value of " + in_quotes(field_), "an object", got);
    if (level_ == level::metadata) refuse("wrong value of metadata " + in_quotes(field_), "a string", got);
    if (level_ == level::array || field_ != "dtype") refuse("wrong value in " + field_, "unsigned integers", got);
    refuse("wrong value of dtype", known_types(), got);
  }

  static std::string known_types() {
    std::string text;
    for (const auto& type : storage_types) text.append(text.empty() ? "" : ", ").append(type.name);
    return text;
  }

  void finish_tensor() {
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (!seen_[i]) refuse("missing field", fields[i], "");
    if (offsets_.size() != 2) refuse("wrong data_offsets", "two numbers", std::to_string(offsets_.size()));
    const auto bytes = byte_count(entry_.shape, describe(entry_.dtype).bytes);
    if (!bytes) refuse("shape too large", "fewer than 2^63 bytes", shape_text(entry_.shape));
    const auto begin = static_cast<std::size_t>(offsets_[0]), end = static_cast<std::size_t>(offsets_[1]);
    if (begin > end || end > data_.size())
      refuse("data_offsets out of bounds", "an ascending pair up to " + std::to_string(data_.size()),
             shape_text(offsets_));
    if (end - begin != *bytes)
      refuse("data_offsets do not fit shape " + shape_text(entry_.shape), std::to_string(*bytes) + " bytes",
             std::to_string(end - begin));
    entry_.bytes = data_.subspan(begin, end - begin);
    entries.push_back(std::move(entry_));
  }

  /// The tensors, in the order of their offsets, must fill the data without overlap and without holes.
  void check_coverage() const {
    std::vector<const safetensors_entry*> order;
    for (const auto& entry : entries) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const safetensors_entry* a, const safetensors_entry* b) {
      return std::pair(a->bytes.data(), a->bytes.size()) < std::pair(b->bytes.data(), b->bytes.size());
    });
    std::size_t covered = 0;
    for (const auto* entry : order) {
      const auto begin = static_cast<std::size_t>(entry->bytes.data() - data_.data());
      if (begin != covered)
        throw file_error(where_ + ", tensor " + in_quotes(entry->name),
                         begin < covered ? "data overlap another tensor's" : "unused bytes before the data",
                         "begin at " + std::to_string(covered), std::to_string(begin));
      covered += entry->bytes.size();
    }
    if (covered != data_.size())
      throw file_error(where_, "data do not fill the file", std::to_string(covered) + " bytes after the header",
                       std::to_string(data_.size()));
  }

  std::string where_;
  std::span<const std::byte> data_;
  level level_ = level::start;
  bool is_metadata_ = false;
  std::string field_;
  std::array<bool, 3> seen_{};
  std::vector<isize> offsets_;
  safetensors_entry entry_;
  std::set<std::string> names_;
};

}  // namespace detail
}  // namespace multifuse
