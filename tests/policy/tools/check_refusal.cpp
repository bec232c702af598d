// check_refusal <file> <compiler> <flags>...
// The file must not compile: its first line `// expect: <regular expression>` must match what the compiler says, in
// exactly one error and fewer than 25 lines. With MULTIFUSE_REFUSAL_FIXED defined the same file must compile.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <regex>

#include "process.hpp"

namespace {

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++count;
  return count;
}

std::string fault(const std::string& path, std::vector<std::string> compile) {
  std::ifstream file(path);
  std::string first_line;
  const std::string mark = "// expect: ";
  if (!std::getline(file, first_line) || first_line.rfind(mark, 0) != 0)
    return "the first line is not '" + mark + "...'";
  const std::string expected = first_line.substr(mark.size());

  compile.insert(compile.end(), {"-fsyntax-only", path});
  const outcome refused = run(compile);
  if (refused.status == 0) return "compiles although it must be refused";
  const auto lines = std::count(refused.output.begin(), refused.output.end(), '\n');
  const std::size_t errors = occurrences(refused.output, "error: ");
  const std::string count = std::to_string(errors) + " errors in " + std::to_string(lines) + " lines";
  if (errors != 1 || lines >= 25) return count + "; expected one in fewer than 25:\n" + refused.output;
  if (!std::regex_search(refused.output, std::regex(expected))) {
    return "no match for '" + expected + "' in:\n" + refused.output;
  }

  compile.push_back("-DMULTIFUSE_REFUSAL_FIXED");
  const outcome mended = run(compile);
  if (mended.status != 0) return "the mended half does not compile:\n" + mended.output;
  return "";
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::cerr << "usage: check_refusal <file> <compiler> <flags>...\n";
    return 2;
  }
  try {
    const std::string found = fault(arguments[1], words(count, arguments, 2));
    if (found.empty()) return 0;
    std::cerr << arguments[1] << ": " << found << '\n';
  } catch (const std::exception& problem) {
    std::cerr << arguments[1] << ": " << problem.what() << '\n';
  }
  return 1;
}
