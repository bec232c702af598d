#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// A text file of the source tree: its path relative to the tree's root, with forward slashes, and its text.
struct source_file {
  std::string path;
  std::string text;
};

/// The lines of a text, without their ends.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Every file below `root/part` (or that file itself), sorted by path; nothing if there is none.
inline std::vector<source_file> source_files(const std::filesystem::path& root, const std::string& part) {
  namespace fs = std::filesystem;
  std::vector<source_file> files;
  const auto add = [&](const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + path.string());
    std::ostringstream text;
    text << stream.rdbuf();
    files.push_back({path.lexically_relative(root).generic_string(), text.str()});
  };
  if (fs::is_regular_file(root / part)) add(root / part);
  if (fs::is_directory(root / part)) {
    for (const auto& entry : fs::recursive_directory_iterator(root / part)) {
      if (entry.is_regular_file()) add(entry.path());
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}
