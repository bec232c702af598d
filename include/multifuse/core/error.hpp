#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

#include "types.hpp"

namespace multifuse {

/// Base of every exception the library throws: says what is wrong, where, what was expected and what was found.
class error : public std::runtime_error {
 public:
  /// @param where     the function, layer, file or parameter that refuses
  /// @param problem   one clause, e.g. "wrong extent of the tokens axis"
  /// @param expected  what would have been accepted (may be empty)
  /// @param got       what was found (may be empty)
  error(std::string_view where, std::string_view problem, std::string_view expected, std::string_view got)
      : std::runtime_error(compose(where, problem, expected, got)) {}

 private:
  static std::string compose(std::string_view where, std::string_view problem, std::string_view expected,
                             std::string_view got) {
    std::string text(where);
    text.append(": ").append(problem);
    if (!expected.empty()) text.append("; expected ").append(expected);
    if (!got.empty()) text.append("; got ").append(got);
    return text;
  }
};

/// A tensor has the wrong axes or extents for the operation it was given to.
struct shape_error : error { using error::error; };

/// An argument has a value that the function does not accept.
struct argument_error : error { using error::error; };

/// A file is missing, unreadable, unwritable, truncated or malformed.
struct file_error : error { using error::error; };

/// A device refuses: none there, out of memory, or one of its calls failed.
struct device_error : error { using error::error; };

namespace detail {

/// Throws a shape_error about one axis. Out of line, so that the many templates that check shapes stay small.
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_extent(std::string_view where, std::string_view before,
                                                                 std::string_view axis, isize expected, isize got,
                                                                 std::string_view least = "") {
  throw shape_error(where, std::string(before).append(axis).append(" axis"),
                    std::string(least).append(std::to_string(expected)), std::to_string(got));
}

/// "[batch 2, tokens 196, width 768]".
[[gnu::cold, gnu::noinline]] inline std::string describe_shape(const std::string_view* names, const isize* extents,
                                                               std::size_t rank) {
  std::string text = "[";
  for (std::size_t i = 0; i < rank; ++i)
    text.append(i ? ", " : "").append(names[i]).append(" ").append(std::to_string(extents[i]));
  return text + "]";
}

/// Throws a shape_error about a whole shape.
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_shape(std::string_view where, std::string_view before,
                                                                const std::string_view* names, const isize* extents,
                                                                std::size_t rank, std::string_view expected) {
  const std::string text = describe_shape(names, extents, rank);
  throw shape_error(where, before, expected, text);
}

}  // namespace detail

}  // namespace multifuse
