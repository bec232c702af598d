#pragma once
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

#include "multifuse/core/error.hpp"
#include "multifuse/io/file.hpp"
#include "svg.hpp"

namespace examples {

/// What the examples of systems take from the command line.
struct example_arguments {
  std::filesystem::path data = {};  ///< empty: wherever find_data finds them
  std::filesystem::path out;        ///< the page
  std::filesystem::path plot = {};  ///< the drawing alone; empty: none
  bool quick = false;               ///< a few steps, to see that it runs
};

/// @throws argument_error  for an unknown option or one without its value
inline example_arguments parse_arguments(int count, char** arguments, std::string_view default_page) {
  example_arguments result{.out = default_page};
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    std::filesystem::path* const value = option == "--data"   ? &result.data
                                         : option == "--out"  ? &result.out
                                         : option == "--plot" ? &result.plot
                                                              : nullptr;
    if (option == "--quick") {
      result.quick = true;
    } else if (!value || i + 1 == count) {
      throw multifuse::argument_error("arguments", value ? "an option without its value" : "an unknown option",
                                      "--data DIR, --out FILE, --plot FILE, --quick", option);
    } else {
      *value = arguments[++i];
    }
  }
  return result;
}

/// A drawing as a file of its own, with its style. @throws file_error  when it cannot be written
inline void write_drawing(const std::filesystem::path& path, const std::string& svg) {
  multifuse::atomic_file file(path);
  file.write(standalone_svg(svg));
  file.commit();
}

/// Runs a program and tells what went wrong: 2 for its arguments, 1 for everything else.
template <class Program> int run_example(int count, char** arguments, std::string_view default_page, Program&& program) {
  try {
    program(parse_arguments(count, arguments, default_page));
    return 0;
  } catch (const multifuse::argument_error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}

}  // namespace examples
