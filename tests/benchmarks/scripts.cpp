// The scripts of the benchmarks explain themselves and refuse what they do not know, before they build anything.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace test_benchmarks_scripts {

namespace {

struct answer {
  int status = -1;
  std::string text;  ///< of both outputs
};

answer run(const std::string& script, const std::string& arguments) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  FILE* const pipe = ::popen(("'" + (root / script).string() + "' " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  answer found;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe)) found.text += buffer;
  const int status = ::pclose(pipe);
  found.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return found;
}

void check_refused(const std::string& script, const std::string& arguments, const std::string& mentioned) {
  CAPTURE(script);
  CAPTURE(arguments);
  const answer found = run(script, arguments);
  CAPTURE(found.text);
  CHECK(found.status != 0);
  CHECK(found.text.find(mentioned) != std::string::npos);
}

}  // namespace

TEST_CASE("the scripts explain their options, and only those") {
  for (const std::string script : {"benchmarks/run", "benchmarks/peers/run"}) {
    CAPTURE(script);
    const answer found = run(script, "--help");
    CHECK(found.status == 0);
    for (const std::string option : {"--filter", "--quick", "--out"}) CHECK(found.text.find(option) != std::string::npos);
    CHECK(found.text.find("set -") == std::string::npos);  // the explanation ends before the code
  }
  CHECK(run("benchmarks/run", "--help").text.find("--peers") != std::string::npos);
  CHECK(run("benchmarks/peers/run", "--help").text.find("--rounds") != std::string::npos);
}

TEST_CASE("the scripts refuse arguments that they do not know") {
  for (const std::string script : {"benchmarks/run", "benchmarks/peers/run"}) {
    check_refused(script, "--fast", "unknown argument --fast");
    check_refused(script, "--out", "needs a folder");
    check_refused(script, "--filter", "needs a regular expression");
  }
  check_refused("benchmarks/run", "--rounds 3", "is for --peers");
  check_refused("benchmarks/peers/run", "--rounds 0", "'0'");
  check_refused("benchmarks/peers/run", "--rounds many", "'many'");
  check_refused("benchmarks/peers/run", "--seconds -1", "'-1'");
}

}  // namespace test_benchmarks_scripts
