#include <doctest/doctest.h>

#include "../../benchmarks/peers/comparison.hpp"
#include "io/scratch_directory.hpp"

namespace test_benchmarks_peers_comparison {

namespace {

const char* const sample = R"({"date": "2026-11-24", "processor": "a processor", "processors": 2,
  "peak_flops_of_a_thread": 1.5e11, "versions": {"pytorch": "2.15.0", "peak measured with": "AVX-512"},
  "rows": [
    {"name": "inference/late/small/batch:1/threads:1", "kind": "inference", "what": "late/small", "batch": 1, "threads": 1,
     "failed": {"pytorch compile": "no compiler"}, "flops": 1.2e9, "peak_flops": 1.5e11, "rounds": 3, "disturbed": true,
     "contestants": {
       "multifuse": {"seconds": 0.010, "low": 0.009, "high": 0.011, "memory": 4e7, "memory_before": 4e6,
                     "difference": 1e-6, "share_of_peak": 0.8},
       "pytorch eager": {"seconds": 0.020, "memory": 7e8, "share_of_peak": 0.4},
       "pytorch jit": {"seconds": 0.016, "memory": 6e8, "share_of_peak": 0.5}}},
    {"name": "gemm/linear/4x768x768/threads:1", "kind": "gemm", "error": "multifuse computes something else",
     "disturbed": false}]})";

}  // namespace

TEST_CASE("a comparison is read: rows, the fastest of PyTorch's ways, rows that failed") {
  const scratch_directory folder;
  write_text(folder.path() / "peers.json", sample);
  const auto all = peers::read_comparison(folder.path() / "peers.json");
  CHECK(all.processor == "a processor");
  CHECK(all.peak_of_a_thread == 1.5e11);
  CHECK(all.versions.at("pytorch") == "2.15.0");
  REQUIRE(all.rows.size() == 1);
  const auto& row = all.rows[0];
  CHECK(row.disturbed);
  REQUIRE(row.find("pytorch"));
  CHECK(row.find("pytorch")->seconds == 0.016);
  CHECK(row.find("multifuse")->share_of_peak == 0.8);
  CHECK_FALSE(row.find("onnxruntime"));
  REQUIRE(all.errors.size() == 1);
  CHECK(all.errors[0].second == "multifuse computes something else");
}

TEST_CASE("a comparison that is missing is empty, one that is damaged is refused") {
  const scratch_directory folder;
  CHECK(peers::read_comparison(folder.path() / "peers.json").rows.empty());
  const std::string text = sample;
  for (const std::string& damaged : {text.substr(0, 300), std::string("{}"), std::string("[1]"),
                                    text.substr(0, text.find("0.010")) + "\"slow\"" + text.substr(text.find("0.010") + 5)}) {
    write_text(folder.path() / "peers.json", damaged);
    CHECK_THROWS_AS(peers::read_comparison(folder.path() / "peers.json"), multifuse::file_error);
  }
}

}  // namespace test_benchmarks_peers_comparison
