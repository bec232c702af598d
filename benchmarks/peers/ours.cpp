// The library as a contestant: benchmark_peers FAMILY/SIZE inference|training|bf16 FOLDER
// The folder holds weights.safetensors and inputs.safetensors. MULTIFUSE_THREADS sets the number of threads.
#include <exception>

#include "measured_model.hpp"

int main(int count, char** arguments) try {
  const std::string what = count == 4 ? std::string(arguments[1]) + " " + arguments[2] : "";
  const auto found = peers::factories().find(what);
  if (found == peers::factories().end()) {
    std::fprintf(stderr, "benchmark_peers: expected one of these and a folder:");
    for (const auto& [name, unused] : peers::factories()) std::fprintf(stderr, "\n  %s", name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const double before = peers::peak_memory();
  const auto model = found->second(arguments[3]);
  return peers::serve(*model, "{\"memory\": " + std::to_string(before) + "}");
} catch (const std::exception& problem) {
  std::fprintf(stderr, "benchmark_peers: %s\n", problem.what());
  return 1;
}
