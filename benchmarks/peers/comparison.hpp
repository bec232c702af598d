#pragma once
#include <algorithm>
#include <fstream>
#include <filesystem>
#include <map>
#include <multifuse/core/error.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

/// What compare.py measured, for the page with plots.
namespace peers {

/// What one contestant needed.
struct result {
  double seconds = 0;        ///< of a call, the median
  double share_of_peak = 0;  ///< of the multiply-adds that the threads can do
  double memory = 0;         ///< peak of the process while it was measured, in bytes
};

/// What all contestants did in turns.
struct row {
  std::string name, kind;  ///< kind: gemm, inference or training
  std::map<std::string, result> contestants;
  bool disturbed = false;  ///< other programs took part of the processors

  /// The named contestant, or null. "pytorch" is the fastest of its ways.
  const result* find(const std::string& who) const {
    const result* found = nullptr;
    for (const auto& [contestant, one] : contestants)
      if (contestant.substr(0, contestant.find(' ')) == who && (!found || one.seconds < found->seconds)) found = &one;
    return found;
  }
};

/// A whole run.
struct comparison {
  std::string date, processor;
  double peak_of_a_thread = 0;                  ///< FLOP/s
  std::map<std::string, std::string> versions;  ///< of the peers
  std::vector<row> rows;
  std::vector<std::pair<std::string, std::string>> errors;  ///< rows that could not be measured, and why
};

/// Reads peers.json; an empty comparison when there is no such file. Throws file_error when it is something else.
inline comparison read_comparison(const std::filesystem::path& path) {
  comparison all;
  std::ifstream input(path);
  if (!input) return all;
  try {
    const nlohmann::json whole = nlohmann::json::parse(input);
    all.date = whole.at("date"), all.processor = whole.at("processor");
    if (const auto& peak = whole.at("peak_flops_of_a_thread"); !peak.is_null()) all.peak_of_a_thread = peak;
    all.versions = whole.at("versions").get<std::map<std::string, std::string>>();
    for (const auto& entry : whole.at("rows")) {
      if (entry.contains("error")) {
        all.errors.emplace_back(entry.at("name"), entry.at("error"));
        continue;
      }
      row one{.name = entry.at("name"), .kind = entry.at("kind"), .contestants = {}, .disturbed = entry.at("disturbed")};
      for (const auto& [who, found] : entry.at("contestants").items())
        one.contestants[who] = {found.at("seconds"), found.at("share_of_peak"), found.at("memory")};
      all.rows.push_back(std::move(one));
    }
  } catch (const nlohmann::json::exception& problem) {
    throw multifuse::file_error(path.string(), "no comparison with peers", "what compare.py writes", problem.what());
  }
  return all;
}

}  // namespace peers
