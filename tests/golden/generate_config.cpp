// Turns the metadata of a golden file into a C++ header, so that one test source checks any golden of its system.
//
//   generate_config <file.safetensors> <case> <output.hpp>
//
// Every metadata entry that holds a JSON object or array becomes a member of namespace golden::<case>:
//   object           a struct; `names` lists its keys as written, for_each(f) calls f(key, value) (an object as an instance)
//   integer, number  std::ptrdiff_t, double;   true, false: bool;   text: std::string_view;   null: std::nullptr_t
//   array            std::array (of the element's type; rows of an array of arrays are std::span; mixed: std::tuple)
// Each entry of `variants` is the whole `config` with that variant's changes applied. `path` is the file itself.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using json = nlohmann::ordered_json;

json read_metadata(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be read");
  std::uint64_t length = 0;
  for (int byte = 0; byte < 8; ++byte) length |= std::uint64_t(static_cast<unsigned char>(file.get())) << (8 * byte);
  if (!file || length > std::filesystem::file_size(path) - 8) throw std::runtime_error("truncated header");
  std::string header(length, ' ');
  file.read(header.data(), static_cast<std::streamsize>(length));
  if (!file) throw std::runtime_error("truncated header");
  return json::parse(header).value("__metadata__", json::object());
}

std::string literal(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (c >= ' ' && c <= '~') {
      result += c;
    } else {
      char octal[5];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(c)));
      result += octal;
    }
  }
  return result + "\"sv";
}

/// Hands out C++ names for the keys of one scope: no keyword, no name twice, not the name of the scope itself.
class scope {
 public:
  explicit scope(const std::string& own_name) : taken_{own_name, "names", "for_each"} {}

  std::string name_of(const std::string& key) {
    std::string name;
    for (const char c : key) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) name = "n" + name;
    while (name.size() > 1 && name.front() == '_') name.erase(0, 1);
    for (std::size_t at; (at = name.find("__")) != std::string::npos;) name.erase(at, 1);
    while (keywords().count(name) || !taken_.insert(name).second) name += '_';
    return name;
  }

 private:
  static const std::set<std::string>& keywords() {
    static const std::set<std::string> words{
        "alignas",   "alignof",   "and",      "and_eq",   "asm",       "auto",     "bitand",   "bitor",   "bool",
        "break",     "case",      "catch",    "char",     "class",     "compl",    "concept",  "const",   "consteval",
        "constexpr", "constinit", "continue", "co_await", "co_return", "co_yield", "decltype", "default", "delete",
        "do",        "double",    "else",     "enum",     "explicit",  "export",   "extern",   "false",   "float",
        "for",       "friend",    "goto",     "if",       "inline",    "int",      "long",     "mutable", "namespace",
        "new",       "noexcept",  "not",      "not_eq",   "nullptr",   "operator", "or",       "or_eq",   "private",
        "protected", "public",    "register", "requires", "return",    "short",    "signed",   "sizeof",  "static",
        "struct",    "switch",    "template", "this",     "throw",     "true",     "try",      "typedef", "typeid",
        "typename",  "union",     "unsigned", "using",    "virtual",   "void",     "volatile", "wchar_t", "while",
        "xor",       "xor_eq",    "std"};
    return words;
  }

  std::set<std::string> taken_;
};

class writer {
 public:
  explicit writer(std::ostream& out) : out_(out) {}

  /// A member called `name`: a nested struct for an object, else a constant.
  void member(const std::string& name, const json& value, const std::string& indent, const std::string& storage) {
    if (value.is_object()) return structure(name, value, indent);
    const auto [type, text] = constant(name, value, indent, storage);
    out_ << indent << storage << type << ' ' << name << '{' << text << "};\n";
  }

 private:
  struct typed_text {
    std::string type, text;
  };

  void structure(const std::string& name, const json& object, const std::string& indent) {
    out_ << indent << "struct " << name << " {\n";
    scope names(name);
    std::string keys, calls;
    for (const auto& [key, value] : object.items()) {
      const std::string own = names.name_of(key);
      member(own, value, indent + "  ", "static constexpr ");
      keys += (keys.empty() ? "" : ", ") + literal(key);
      calls += " visit(" + literal(key) + ", " + own + (value.is_object() ? "{});" : ");");
    }
    out_ << indent << "  static constexpr std::array<std::string_view, " << object.size() << "> names{" << keys
         << "};\n"
         << indent << "  static constexpr void for_each([[maybe_unused]] auto&& visit) {" << calls << " }\n"
         << indent << "};\n";
  }

  typed_text constant(const std::string& name, const json& value, const std::string& indent,
                      const std::string& storage) {
    switch (value.type()) {
      case json::value_t::null:
        return {"std::nullptr_t", "nullptr"};
      case json::value_t::boolean:
        return {"bool", value.get<bool>() ? "true" : "false"};
      case json::value_t::number_integer:
      case json::value_t::number_unsigned:
        return {"std::ptrdiff_t", value.dump()};
      case json::value_t::string:
        return {"std::string_view", literal(value.get<std::string>())};
      case json::value_t::array:
        return array(name, value, indent, storage);
      case json::value_t::object:
        structure(name, value, indent);
        return {name, ""};
      default:
        break;
    }
    const std::string digits = value.dump();
    return {"double", digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits};
  }

  typed_text array(const std::string& name, const json& values, const std::string& indent, const std::string& storage) {
    std::vector<typed_text> elements;
    std::set<std::string> types;
    for (const json& value : values) {
      const std::string own = name + "_row_" + std::to_string(elements.size());
      typed_text element = constant(own, value, indent, storage);
      if (value.is_array()) {
        // A row has storage of its own and is handed out as a span, so rows of equal and unequal length look alike.
        out_ << indent << storage << element.type << ' ' << own << '{' << element.text << "};\n";
        const bool plain = element.type.rfind("std::array<", 0) == 0;
        const std::string item = plain ? element.type.substr(11, element.type.rfind(',') - 11) : "";
        element = plain ? typed_text{"std::span<const " + item + ">", own} : typed_text{element.type, own};
      } else if (value.is_object()) {
        element.text = own + "{}";
      }
      types.insert(element.type);
      elements.push_back(element);
    }
    if (types == std::set<std::string>{"double", "std::ptrdiff_t"}) types = {"double"};
    std::string text, list;
    for (const auto& [type, value] : elements) {
      text += (text.empty() ? "" : ", ") + value;
      list += (list.empty() ? "" : ", ") + type;
    }
    if (types.size() > 1) return {"std::tuple<" + list + ">", text};
    const std::string type = types.empty() ? "std::ptrdiff_t" : *types.begin();
    return {"std::array<" + type + ", " + std::to_string(elements.size()) + ">", text};
  }

  std::ostream& out_;
};

std::string header_of(const std::string& path, const std::string& name) {
  const json metadata = read_metadata(path);
  json entries = json::object();
  for (const auto& [key, value] : metadata.items()) {
    const json parsed = value.is_string() ? json::parse(value.get<std::string>(), nullptr, false) : value;
    if (parsed.is_structured()) entries[key] = parsed;
  }
  if (!entries.contains("config") || !entries["config"].is_object()) throw std::runtime_error("no configuration");
  if (entries.contains("variants")) {
    for (auto& [key, changes] : entries["variants"].items()) {
      json whole = entries["config"];
      whole.update(changes, true);
      changes = whole;
    }
  }
  std::ostringstream out;
  out << "#pragma once\n#include <array>\n#include <cstddef>\n#include <span>\n#include <string_view>\n#include "
         "<tuple>\n\n"
      << "namespace golden::" << name << " {\n\nusing namespace std::string_view_literals;\n"
      << "inline constexpr std::string_view path = " << literal(std::filesystem::absolute(path).string()) << ";\n\n";
  scope names("path");
  for (const auto& [key, value] : entries.items())
    writer(out).member(names.name_of(key), value, "", "inline constexpr ");
  out << "\n}  // namespace golden::" << name << '\n';
  return out.str();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: generate_config <file.safetensors> <case> <output.hpp>\n";
    return 2;
  }
  try {
    const std::string text = header_of(arguments[1], arguments[2]);
    std::filesystem::create_directories(std::filesystem::path(arguments[3]).parent_path());
    std::ofstream out(arguments[3]);
    out << text << std::flush;
    if (!out) throw std::runtime_error(std::string("cannot write ") + arguments[3]);
  } catch (const std::exception& problem) {
    std::cerr << arguments[1] << ": " << problem.what() << '\n';
    return 1;
  }
}
