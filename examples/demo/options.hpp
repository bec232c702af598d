#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

/// What the command line asks for.
struct program_options {
  std::filesystem::path data = {};                ///< empty: wherever find_data finds them
  std::filesystem::path out = "demo_report.html";
  std::filesystem::path plot = {};                ///< empty: none
  int seeds = 3;
  double minutes = 9;                             ///< for everything
  int jobs = 2;                                   ///< trainings at the same time
  bool quick = false, held_out = false, help = false;
};

/// What `--help` prints.
std::string usage();

/// @param arguments  without the program's name
/// @throws argument_error  for an unknown option, or a value that is missing, malformed or out of range
program_options parse(const std::vector<std::string>& arguments);

}  // namespace demo
