// check_budget <seconds> <MiB> <compiler> <arguments>...
// The compiler must succeed within this processor time (user and system) and peak memory. A busy machine can slow one
// run down, so the best of three counts.
#include <algorithm>
#include <iostream>

#include "process.hpp"

int main(int count, char** arguments) {
  if (count < 4) {
    std::cerr << "usage: check_budget <seconds> <MiB> <compiler> <arguments>...\n";
    return 2;
  }
  try {
    const double most_seconds = std::stod(arguments[1]), most_mebibytes = std::stod(arguments[2]);
    outcome best;
    for (int attempt = 0; attempt < 3; ++attempt) {
      const outcome now = run(words(count, arguments, 3));
      if (now.status != 0) {
        std::cerr << "does not compile:\n" << now.output;
        return 1;
      }
      if (attempt == 0 || now.seconds < best.seconds) best = now;
      if (best.seconds <= most_seconds) break;
    }
    std::cout << best.seconds << " s of " << most_seconds << ", " << best.mebibytes << " MiB of " << most_mebibytes
              << '\n';
    const bool slow = best.seconds > most_seconds, big = best.mebibytes > most_mebibytes;
    if (slow) std::cerr << "over budget: " << best.seconds << " s\n";
    if (big) std::cerr << "over budget: " << best.mebibytes << " MiB\n";
    return slow || big;
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
