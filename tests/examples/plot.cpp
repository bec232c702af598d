#include "support/plot.hpp"

#include <doctest/doctest.h>

namespace test_examples_plot {

using namespace examples;

namespace {
int count(const std::string& text, const std::string& what) {
  int found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// Every element that is opened is closed.
bool balanced(const std::string& svg) {
  return count(svg, "<svg") == count(svg, "</svg>") && count(svg, "<g ") == count(svg, "</g>") &&
         count(svg, "<text") == count(svg, "</text>") && svg.find("nan") == std::string::npos;
}
}  // namespace

TEST_CASE("line plots draw a path, a band and a name for each series") {
  line_plot plot{.title = "a & b", .x = {"epoch"}, .y = {"accuracy"}};
  plot.lines.push_back({"first <one>", {0, 1, 2}, {10, 20, 30}, {8, 18, 28}, {12, 22, 32}});
  plot.lines.push_back({"second", {0, 1, 2}, {5, 6, 7}});
  const std::string svg = plot.svg();
  CHECK(balanced(svg));
  CHECK(count(svg, "<path class=\"line\"") == 2);
  CHECK(count(svg, "class=\"band\"") == 1);
  CHECK(svg.find("first &lt;one&gt;") != std::string::npos);
  CHECK(svg.find("a &amp; b") != std::string::npos);
}

TEST_CASE("a value that is not finite leaves a gap") {
  const line_plot plot{.title = "", .x = {}, .y = {}, .lines = {{"s", {0, 1, 2, 3, 4}, {1, 2, none, 2, 1}}}};
  const std::string svg = plot.svg();
  const auto path = svg.substr(svg.find(" d=\""), 100);
  CHECK(count(path.substr(0, path.find('/')), "M") == 2);
  CHECK(balanced(svg));
}

TEST_CASE("series of unequal vectors are refused") {
  line_plot plot{.title = "", .x = {}, .y = {}, .lines = {{"s", {0, 1}, {1}}}};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  plot.lines = {{"s", {0, 1}, {1, 2}, {0}, {3}}};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  plot.lines = {{"s", {0, 1}, {1, 2}, {0, 1}, {}}};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  plot = {.title = "", .x = {"x", true}, .y = {}, .lines = {{"s", {0, 1}, {1, 2}}}};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
}

TEST_CASE("scatter plots: groups, error bars and the frontier") {
  scatter_plot plot{.title = "t", .x = {"FLOPs", true}, .y = {"accuracy"}};
  plot.points = {{"cheap", "one", 1e6, 40}, {"worse", "two", 2e6, 30, 28, 32}, {"best", "two", 4e6, 60}};
  plot.frontier = true;
  const std::string svg = plot.svg();
  CHECK(balanced(svg));
  CHECK(count(svg, "class=\"error\"") == 3);  // one bar of three strokes
  const auto begin = svg.find("class=\"frontier\"");
  REQUIRE(begin != std::string::npos);
  const auto path = svg.substr(begin, svg.find("/>", begin) - begin);
  CHECK(count(path, "M") == 1);
  CHECK(count(path, "L") == 1);  // over "best", past "worse"
  for (const char* label : {"cheap", "worse", "best"}) CHECK(count(svg, std::string(">") + label + "</text>") == 1);
}

TEST_CASE("labels of close points do not cover each other") {
  scatter_plot plot{.title = "", .x = {}, .y = {}};
  for (int i = 0; i < 4; ++i) plot.points.push_back({"label " + std::to_string(i), "g", 1 + 0.001 * i, 1 + 0.001 * i});
  plot.points.push_back({"far", "g", 2, 2});
  const std::string svg = plot.svg();
  std::vector<std::string> places;
  for (auto at = svg.find("halo"); at != std::string::npos; at = svg.find("halo", at + 1)) {
    const auto start = svg.rfind("<text", at);
    places.push_back(svg.substr(start, at - start));
  }
  REQUIRE(places.size() == 5);
  for (std::size_t i = 0; i < places.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(places[i] != places[j]);
}

TEST_CASE("bar plots: one bar for each finite value") {
  bar_plot plot{.title = "bars", .value = {"ms"}, .categories = {"a", "b", "c"}};
  plot.groups = {{"x", {1, 2, none}, {0.1, none, none}}, {"y", {3, 4, 5}}};
  const std::string svg = plot.svg();
  CHECK(balanced(svg));
  CHECK(count(svg, "class=\"bar\"") == 5);
  CHECK(count(svg, "class=\"error\"") == 1);
  plot.groups[0].values.pop_back();
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  plot = {.title = "", .value = {"ms", true}};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
}

TEST_CASE("plots without data are drawn empty") {
  CHECK(balanced(line_plot{.title = "", .x = {}, .y = {}}.svg()));
  CHECK(balanced(scatter_plot{.title = "", .x = {}, .y = {}, .frontier = true}.svg()));
  CHECK(balanced(bar_plot{.title = "", .value = {}}.svg()));
}

}  // namespace test_examples_plot
