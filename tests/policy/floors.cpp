// The floors of the library: a header includes only what stands on a lower floor or in its own room.
#include <doctest/doctest.h>

#include <array>
#include <regex>

#include "source_tree.hpp"

namespace {

struct room {
  const char* name;
  int floor;
};

constexpr std::array rooms{room{"core", 0},         room{"tensor", 1}, room{"tape", 2},    room{"backend/cpu", 2},
                           room{"backend/cuda", 2}, room{"ops", 3},    room{"layers", 4},  room{"fusion", 5},
                           room{"modalities", 5},   room{"losses", 5}, room{"train", 5},   room{"io", 5},
                           room{"metrics", 5},      room{"cost", 5},   room{"systems", 6}, room{"multifuse.hpp", 7},
                           room{"cuda.hpp", 8}};

bool begins(const std::string& text, const std::string& beginning) { return text.rfind(beginning, 0) == 0; }

/// The room of a header named as in `#include <multifuse/...>`, or null.
const room* room_of(const std::string& header) {
  for (const room& each : rooms) {
    const std::string path = std::string("multifuse/") + each.name;
    if (header == path || begins(header, path + "/")) return &each;
  }
  return nullptr;
}

/// Standard library, POSIX and processor intrinsics: open to every floor.
bool is_system(const std::string& header) {
  static const std::regex pattern(
      "[a-z0-9_]+|sys/[a-z_]+\\.h|(unistd|fcntl|dlfcn|pthread|sched|time|immintrin|arm_neon)\\.h");
  return std::regex_match(header, pattern);
}

bool is_cuda(const std::string& header) {
  static const std::regex pattern(
      "(cuda|cublas|curand|cudnn|nccl|mma|nv|vector_types|cooperative_groups)[A-Za-z0-9_]*\\.h.*"
      "|(cuda|cub|thrust|cooperative_groups|nvtx3)/.*");
  return std::regex_match(header, pattern);
}

/// What is wrong with `file` (multifuse/...) including `header`; empty if nothing is.
std::string fault(const std::string& file, const std::string& header) {
  const room* from = room_of(file);
  if (from == nullptr) return "stands in no room";
  const std::string here = from->name;
  if (begins(header, "multifuse/")) {
    const room* to = room_of(header);
    if (to == nullptr) return "includes a room that is not there";
    if (to == from) return "";
    if (to->floor > from->floor) return "includes a higher floor";
    if (to->floor == from->floor) return "includes a sibling";
    if (std::string(to->name) == "backend/cuda" && here != "cuda.hpp") return "shows CUDA to a CPU build";
    return "";
  }
  if (is_system(header)) return "";
  if (is_cuda(header)) return here == "backend/cuda" ? "" : "includes CUDA outside backend/cuda";
  if (begins(header, "Eigen/") || begins(header, "unsupported/Eigen/")) {
    return here == "backend/cpu" || file == "multifuse/io/eigen.hpp" ? "" : "includes Eigen outside backend/cpu";
  }
  if (here == "io" && (begins(header, "nlohmann/") || begins(header, "xtensor/"))) return "";
  return "includes a library that is not allowed here";
}

std::vector<std::string> faults(const std::vector<source_file>& files) {
  static const std::regex directive("\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"].*");
  std::vector<std::string> found;
  for (const auto& [path, text] : files) {
    const std::string file = path.substr(std::string("include/").size());
    for (const std::string& line : lines_of(text)) {
      std::smatch match;
      if (!std::regex_match(line, match, directive)) continue;
      std::string header = match[2];
      // A header in quotes is one of ours, found from where its includer stands or from include/.
      if (match[1] == "\"" && !begins(header, "multifuse/")) {
        header = (std::filesystem::path(file).parent_path() / header).lexically_normal().generic_string();
      }
      const std::string problem = fault(file, header);
      if (!problem.empty()) found.push_back(file + " " + problem + ": " + header);
    }
  }
  return found;
}

std::string only_fault(const std::string& path, const std::string& text) {
  const auto found = faults({{"include/multifuse/" + path, text}});
  return found.empty() ? "" : found.front();
}

}  // namespace

TEST_CASE("no header breaks the floors") {
  const auto files = source_files(MULTIFUSE_SOURCE_DIR, "include");
  REQUIRE_FALSE(files.empty());
  for (const std::string& problem : faults(files)) FAIL_CHECK(problem);
}

TEST_CASE("headers that break the floors are found") {
  CHECK(only_fault("ops/a.hpp", "#include <multifuse/layers/linear.hpp>") != "");
  CHECK(only_fault("fusion/a.hpp", "#include <multifuse/losses/nce.hpp>") != "");
  CHECK(only_fault("tape/a.hpp", "#include <multifuse/backend/cpu/cpu.hpp>") != "");
  CHECK(only_fault("backend/cpu/a.hpp", "#include <multifuse/backend/cuda/cuda.hpp>") != "");
  CHECK(only_fault("multifuse.hpp", "#include <multifuse/backend/cuda/cuda.hpp>") != "");
  CHECK(only_fault("attic/a.hpp", "#include <vector>") != "");
  CHECK(only_fault("ops/a.hpp", "#include <multifuse/attic/a.hpp>") != "");
  CHECK(only_fault("ops/a.hpp", "#include \"../layers/linear.hpp\"") != "");
  CHECK(only_fault("ops/a.hpp", "#include \"multifuse/layers/linear.hpp\"") != "");
  CHECK(only_fault("backend/cpu/a.hpp", "#include \"../cuda/a.hpp\"") != "");
  CHECK(only_fault("ops/a.hpp", "  #  include <Eigen/Core>") != "");
  CHECK(only_fault("io/npy.hpp", "#include <Eigen/Core>") != "");
  CHECK(only_fault("core/a.hpp", "#include <cuda_runtime.h>") != "");
  CHECK(only_fault("backend/cpu/a.hpp", "#include <cuda/std/span>") != "");
  CHECK(only_fault("train/a.hpp", "#include <nlohmann/json.hpp>") != "");
  CHECK(only_fault("core/a.hpp", "#include <boost/any.hpp>") != "");
}

TEST_CASE("headers that keep the floors pass") {
  CHECK(only_fault("ops/a.hpp", "#include <multifuse/ops/b.hpp>\n#include <multifuse/tape/variable.hpp>") == "");
  CHECK(only_fault("backend/cpu/a.hpp", "#include \"b.hpp\"\n#include \"../../core/types.hpp\"") == "");
  CHECK(only_fault("backend/cpu/a.hpp", "#include <Eigen/Core>\n#include <immintrin.h>") == "");
  CHECK(only_fault("io/eigen.hpp", "#include <Eigen/Core>\n#include <sys/mman.h>") == "");
  CHECK(only_fault("io/npy.hpp", "#include <xtensor/xnpy.hpp>") == "");
  CHECK(only_fault("backend/cuda/a.hpp", "#include <cuda_runtime.h>\n#include <cublasLt.h>\n#include <cub/cub.cuh>") ==
        "");
  CHECK(only_fault("cuda.hpp", "#include <multifuse/backend/cuda/cuda.hpp>\n#include <multifuse/multifuse.hpp>") == "");
}
