// The library as a contestant: benchmark_peers FAMILY/SIZE inference|training FOLDER
// The folder holds weights.safetensors and inputs.safetensors. MULTIFUSE_THREADS sets the number of threads.
#include <exception>

#include "measured_model.hpp"

int main(int count, char** arguments) try {
  const std::string mode = count == 4 ? arguments[2] : "";
  const auto found = count == 4 ? peers::factories().find(arguments[1]) : peers::factories().end();
  if (found == peers::factories().end() || (mode != "inference" && mode != "training")) {
    std::fprintf(stderr, "benchmark_peers: expected FAMILY/SIZE inference|training FOLDER, where FAMILY/SIZE is one of");
    for (const auto& [name, unused] : peers::factories()) std::fprintf(stderr, " %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const double before = peers::peak_memory();
  const auto model = found->second(arguments[3], mode == "training");
  return peers::serve(*model, "{\"memory\": " + std::to_string(before) + "}");
} catch (const std::exception& problem) {
  std::fprintf(stderr, "benchmark_peers: %s\n", problem.what());
  return 1;
}
