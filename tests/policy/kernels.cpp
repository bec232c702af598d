// A CUDA compiler refuses kernels whose type is private or protected in a class; the others do not mind. So that it is
// found without one, here is the rule as text.
#include <doctest/doctest.h>

#include "source_tree.hpp"

namespace {

/// Numbers of the lines with the call operator of a kernel inside a private or protected section.
std::vector<std::size_t> faults(const std::string& text) {
  const auto lines = lines_of(text);
  std::vector<std::size_t> found, hidden;  // `hidden`: indents of the open sections, outermost first
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos) continue;
    const auto says = [&](const char* word) { return line.compare(indent, std::string(word).size(), word) == 0; };
    // a section opens one column right of its class and ends with it, or with the next section
    while (!hidden.empty() && (indent < hidden.back() || (indent == hidden.back() && says("public:")))) hidden.pop_back();
    if (says("private:") || says("protected:"))
      if (hidden.empty() || hidden.back() != indent) hidden.push_back(indent);
    if (!hidden.empty() && line.find("MULTIFUSE_HD") != std::string::npos &&
        line.find("void operator()(") != std::string::npos)
      found.push_back(i + 1);
  }
  return found;
}

}  // namespace

TEST_CASE("no kernel is private") {
  const auto files = source_files(MULTIFUSE_SOURCE_DIR, "include");
  REQUIRE_FALSE(files.empty());
  for (const auto& [path, text] : files)
    for (const std::size_t line : faults(text)) FAIL_CHECK(path << ":" << line << ": a private kernel");
}

TEST_CASE("private kernels are found") {
  const std::string kernel = "  struct kernel {\n    MULTIFUSE_HD void operator()(isize, isize) const {}\n  };\n";
  CHECK(faults("struct op {\n" + kernel + "};\n").empty());
  CHECK(faults("struct op {\n private:\n  int x;\n};\nstruct other {\n" + kernel + "};\n").empty());
  CHECK(faults("struct op {\n private:\n  int x;\n\n public:\n" + kernel + "};\n").empty());
  CHECK(faults("struct op {\n private:\n" + kernel + "};\n") == std::vector<std::size_t>{4});
  CHECK(faults("class op {\n protected:\n  int x;\n" + kernel + "};\n") == std::vector<std::size_t>{5});
}
