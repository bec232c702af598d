// Every description of tests/described runs on the other device as well: a test of tests/device names it.
#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "source_tree.hpp"

namespace {

/// The words that a pattern captures in the texts of a folder.
std::set<std::string> captured(const std::vector<source_file>& files, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (const auto& [path, text] : files)
    for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
      found.insert((*match)[1]);
  return found;
}

constexpr const char* description = "template <class D>\\s*struct (\\w+_example)\\b";

}  // namespace

TEST_CASE("every description runs on the other device") {
  const auto described = captured(source_files(MULTIFUSE_SOURCE_DIR, "tests/described"), description);
  const auto run = captured(source_files(MULTIFUSE_SOURCE_DIR, "tests/device"), "parity<described::(\\w+)>");
  REQUIRE_FALSE(described.empty());
  for (const std::string& name : described)
    if (!run.contains(name)) FAIL_CHECK(name << " is missing in tests/device");
}

TEST_CASE("descriptions are told from what they are made of") {
  const auto found = captured({{"a.hpp", "template <class D> struct first_example {\n};\n"
                                         "template <class D>\nstruct second_example\n    : base<D> {};\n"
                                         "template <class D, class... Parts> struct stage_example {\n};\n"
                                         "template <class D> struct helper {\n};\n"}},
                              description);
  CHECK(found == std::set<std::string>{"first_example", "second_example"});
}
