// No path of one person's machine stands in the tree; a program that needs a folder asks the language or its caller.
#include <doctest/doctest.h>

#include <regex>

#include "source_tree.hpp"

namespace {

bool names_a_machine(const std::string& line) {
  static const std::regex pattern("(^|[^A-Za-z0-9_.>/-])/(wor[k]|far[m]|tm[p]|hom[e]|roo[t]|User[s]|mn[t])/[A-Za-z]");
  return std::regex_search(line, pattern);
}

}  // namespace

TEST_CASE("no file names a path of one machine") {
  std::size_t count = 0;
  for (const char* part : {"include", "examples", "benchmarks", "tests", "docs", "cmake", "README.md", "CMakeLists.txt",
                           "CMakePresets.json", "run", ".ci", ".github"}) {
    for (const auto& [path, text] : source_files(MULTIFUSE_SOURCE_DIR, part)) {
      ++count;
      if (text.find('\0') != std::string::npos) continue;  // pictures and other binary files
      int number = 0;
      for (const std::string& line : lines_of(text)) {
        ++number;
        // Very long lines are embedded data, and a regular expression may overflow the stack on them.
        if (line.size() < 2000 && names_a_machine(line)) FAIL_CHECK(path << ':' << number << ": " << line);
      }
    }
  }
  CHECK(count > 10);
}

TEST_CASE("paths of a machine are found") {
  const std::string start = "/";
  CHECK(names_a_machine("open(\"" + start + "tmp/file\")"));
  CHECK(names_a_machine(start + "home/someone/data"));
  CHECK(names_a_machine("cd " + start + "work/main"));
  CHECK_FALSE(names_a_machine("../shared/work/golden"));
  CHECK_FALSE(names_a_machine("https://example.org" + start + "home/page"));
  CHECK_FALSE(names_a_machine("/usr/include"));
}
