// check_document <document.md> <work folder> <compiler> <flags>...
// Every ```cpp block of a document must compile. A block with `int main` is a program. Any other is the body of a
// function that has included <multifuse/multifuse.hpp> and calls the library mf; its own includes and, as C++ has no
// templates inside functions, its top-level declarations move in front of that function. A block after the comment
// `<!-- continues -->` goes on where the block before it ended.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "process.hpp"

namespace {

struct line {
  std::string text;
  int number;
};
using block = std::vector<line>;

bool starts_with_any(const std::string& text, const std::vector<std::string>& beginnings) {
  for (const std::string& beginning : beginnings) {
    if (text.rfind(beginning, 0) == 0) return true;
  }
  return false;
}

std::vector<block> code_blocks(std::istream& document) {
  std::vector<block> blocks;
  bool inside = false, code = false, continues = false;
  std::string text;
  for (int number = 1; std::getline(document, text); ++number) {
    if (text.rfind("```", 0) == 0) {
      inside = !inside;
      code = inside && (text == "```cpp" || text == "```c++");
      if (code && !(continues && !blocks.empty())) blocks.emplace_back();
      continues = false;
    } else if (code) {
      blocks.back().push_back({text, number});
    } else if (!inside && text == "<!-- continues -->") {
      continues = true;
    } else if (!inside && !text.empty()) {
      continues = false;
    }
  }
  if (inside) throw std::runtime_error("a code block is not closed");
  return blocks;
}

bool is_program(const block& code) {
  for (const line& each : code) {
    if (each.text.rfind("int main", 0) == 0) return true;
  }
  return false;
}

/// The lines of one compilation, each preceded by a #line that leads the compiler's messages back to the document.
class source {
 public:
  explicit source(std::string document) : document_(std::move(document)) {}

  void add(const line& each) {
    if (each.number != next_) text_ << "#line " << each.number << " \"" << document_ << "\"\n";
    text_ << each.text << '\n';
    next_ = each.number + 1;
  }
  void add(const block& code) {
    for (const line& each : code) add(each);
  }
  void add(const std::string& text) {
    text_ << text << '\n';
    next_ = -1;
  }
  std::string text() const { return text_.str(); }

 private:
  std::string document_;
  std::ostringstream text_;
  int next_ = -1;
};

/// Takes the declarations that must stand at namespace scope out of a block: from a line that begins one to the line
/// that closes its last brace and ends in `;` or `}`.
block take_declarations(block& code) {
  const std::vector<std::string> scoped{"template", "struct ", "class ", "enum ", "namespace ", "concept ", "inline "};
  std::vector<std::string> beginnings = scoped;
  beginnings.insert(beginnings.end(), {"using ", "constexpr "});
  bool needed = false;
  for (const line& each : code) needed = needed || starts_with_any(each.text, scoped);
  if (!needed) return {};
  block declarations, rest;
  bool inside = false;
  int depth = 0;
  for (const line& each : code) {
    inside = inside || starts_with_any(each.text, beginnings);
    (inside ? declarations : rest).push_back(each);
    if (!inside) continue;
    std::string text = each.text.substr(0, each.text.find("//"));
    for (const char c : text) depth += (c == '{') - (c == '}');
    text.erase(text.find_last_not_of(' ') + 1);
    if (depth == 0 && (text.ends_with(';') || text.ends_with('}'))) inside = false;
  }
  code = rest;
  return declarations;
}

block take_includes(block& code) {
  block includes, rest;
  for (const line& each : code) (each.text.rfind("#include", 0) == 0 ? includes : rest).push_back(each);
  code = rest;
  return includes;
}

std::vector<std::string> compilations(const std::string& document, std::vector<block> blocks) {
  std::vector<std::string> programs;
  source head(document), bodies(document);
  head.add("#include <multifuse/multifuse.hpp>");
  int number = 0;
  for (block& code : blocks) {
    if (is_program(code)) {
      source program(document);
      program.add(code);
      programs.push_back(program.text());
      continue;
    }
    head.add(take_includes(code));
    bodies.add("namespace block_" + std::to_string(++number) + " {\nnamespace mf = multifuse;");
    bodies.add(take_declarations(code));
    bodies.add("void body() {");
    bodies.add(code);
    bodies.add("}\n}");
  }
  if (number > 0) programs.push_back(head.text() + bodies.text());
  return programs;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) {
    std::cerr << "usage: check_document <document.md> <work folder> <compiler> <flags>...\n";
    return 2;
  }
  try {
    const std::filesystem::path document = arguments[1], folder = arguments[2];
    std::ifstream file(document);
    if (!file) throw std::runtime_error("cannot be read");
    const std::vector<block> blocks = code_blocks(file);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    bool good = true;
    int number = 0;
    for (const std::string& text : compilations(document.string(), blocks)) {
      const std::filesystem::path path = folder / ("code_" + std::to_string(++number) + ".cpp");
      std::ofstream(path) << text;
      std::vector<std::string> compile = words(count, arguments, 3);
      compile.insert(compile.end(), {"-fsyntax-only", path.string()});
      const outcome result = run(compile);
      std::cerr << result.output;
      good = good && result.status == 0;
    }
    if (!good) return 1;
    std::cout << document.string() << ": " << blocks.size() << " code blocks compile\n";
  } catch (const std::exception& problem) {
    std::cerr << arguments[1] << ": " << problem.what() << '\n';
    return 1;
  }
}
