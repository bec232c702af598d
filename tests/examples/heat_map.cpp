#include "support/heat_map.hpp"

#include <doctest/doctest.h>

namespace test_examples_heat_map {

using namespace examples;

namespace {
std::string encoded(std::string_view text) {
  return base64(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}
int count(const std::string& text, const std::string& what) {
  int found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}
}  // namespace

TEST_CASE("base64: the test vectors of RFC 4648") {
  CHECK(encoded("") == "");
  CHECK(encoded("f") == "Zg==");
  CHECK(encoded("fo") == "Zm8=");
  CHECK(encoded("foo") == "Zm9v");
  CHECK(encoded("foob") == "Zm9vYg==");
  CHECK(encoded("foobar") == "Zm9vYmFy");
}

TEST_CASE("pictures become bitmaps") {
  // "BM", 62 bytes: one gray pixel, padded to four bytes a row
  const std::string gray = data_uri({2, 1, 1, {7, 9}});
  const std::vector<std::uint8_t> file{'B',  'M',  62, 0, 0, 0, 0, 0,  0, 0, 54, 0, 0, 0, 40, 0, 0, 0,    1,    0, 0,
                                       0,    2,    0,  0, 0, 1, 0, 24, 0, 0, 0,  0, 0, 8, 0,  0, 0, 0x13, 0x0B, 0, 0,
                                       0x13, 0x0B, 0,  0, 0, 0, 0, 0,  0, 0, 0,  0, 9, 9, 9,  0, 7, 7,    7,    0};
  CHECK(gray == "data:image/bmp;base64," + base64(file));
  CHECK_THROWS_AS(data_uri({2, 2, 1, {1, 2, 3}}), multifuse::argument_error);
  CHECK_THROWS_AS(data_uri({1, 1, 2, {1, 2}}), multifuse::argument_error);
  CHECK_THROWS_AS(data_uri({0, 0, 1, {}}), multifuse::argument_error);
}

TEST_CASE("colors grow lighter with the value") {
  double before = -1;
  for (int step = 0; step <= 20; ++step) {
    const auto c = heat_color(step / 20.0);
    const double luminance = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    CHECK(luminance > before);
    before = luminance;
  }
  CHECK(heat_color(-1) == heat_color(0));
  CHECK(heat_color(none) == heat_color(0));
  CHECK(heat_color(2) == heat_color(1));
}

TEST_CASE("frames carry their weights as cells") {
  frame_strip strip{.title = "maps", .scale_label = "weight"};
  strip.frames.push_back({{2, 2, 1, {0, 1, 2, 3}}, {0.1, 0.2, 0.3, none}, 2, 2, "first"});
  strip.frames.push_back({{1, 1, 3, {255, 0, 0}}, {}, 0, 0, "plain"});
  const std::string svg = strip.svg();
  CHECK(count(svg, "<image") == 2);
  CHECK(count(svg, "<rect") == 4 + 65);  // cells, and the color bar on its gray
  CHECK(svg.find("nan") == std::string::npos);
  strip.frames[0].weights.pop_back();
  CHECK_THROWS_AS(strip.svg(), multifuse::argument_error);
}

TEST_CASE("matrices are drawn with names or numbers along their edges") {
  matrix_plot plot{
      .title = "confusion", .x = {"predicted"}, .y = {"true"}, .rows = 2, .columns = 2, .values = {1, 0, 0, 1}};
  CHECK(count(plot.svg(), "<image") == 1);
  plot.row_names = {"yes", "no"};
  CHECK(plot.svg().find(">yes</text>") != std::string::npos);
  plot.column_names = {"one"};
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  plot.column_names.clear();
  plot.values.pop_back();
  CHECK_THROWS_AS(plot.svg(), multifuse::argument_error);
  const matrix_plot flat{.title = "", .x = {}, .y = {}, .rows = 1, .columns = 1, .values = {none}};
  CHECK(flat.svg().find("nan") == std::string::npos);
}

}  // namespace test_examples_heat_map
