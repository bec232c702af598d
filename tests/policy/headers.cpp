// The form of a header: short, guarded, documented.
#include <doctest/doctest.h>

#include "source_tree.hpp"

namespace {

constexpr std::size_t most_lines = 400;

/// A source that is included several times, once for each set of instructions (.inl), is not guarded; a header is.
std::vector<std::string> faults(const std::string& text, bool included_once = true) {
  const auto lines = lines_of(text);
  const auto holds = [&](const std::string& beginning) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      const auto start = line.find_first_not_of(' ');
      return start != std::string::npos && line.compare(start, beginning.size(), beginning) == 0;
    });
  };
  std::vector<std::string> found;
  if (lines.size() > most_lines) found.push_back(std::to_string(lines.size()) + " lines; at most 400");
  if (holds("#pragma once") != included_once)
    found.push_back(included_once ? "no #pragma once" : "#pragma once in a source that is included several times");
  if (!holds(included_once ? "///" : "//")) found.push_back("no comment that says what it is");
  return found;
}

}  // namespace

TEST_CASE("every header is short, guarded and documented") {
  const auto files = source_files(MULTIFUSE_SOURCE_DIR, "include");
  REQUIRE_FALSE(files.empty());
  for (const auto& [path, text] : files) {
    const bool included_once = path.size() < 4 || path.substr(path.size() - 4) != ".inl";
    for (const std::string& problem : faults(text, included_once)) FAIL_CHECK(path << ": " << problem);
  }
}

TEST_CASE("headers of the wrong form are found") {
  const std::string good = "#pragma once\n/// A thing.\nstruct thing;\n";
  CHECK(faults(good).empty());
  CHECK(faults(good + std::string(most_lines - 3, '\n')).empty());
  CHECK(faults(good + std::string(most_lines - 2, '\n')).size() == 1);
  CHECK(faults("/// A thing.\nstruct thing;\n").size() == 1);
  CHECK(faults("#pragma once\n// A thing.\nstruct thing;\n").size() == 1);
  CHECK(faults("// A thing.\nstruct thing;\n", false).empty());
  CHECK(faults(good, false).size() == 1);
  CHECK(faults("struct thing;\n", false).size() == 1);
}
