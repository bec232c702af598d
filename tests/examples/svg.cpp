#include "support/svg.hpp"

#include <doctest/doctest.h>

namespace test_examples_svg {

using namespace examples;

TEST_CASE("text is escaped for elements and attributes") {
  CHECK(escape_markup("a < b & \"c\" > d") == "a &lt; b &amp; &quot;c&quot; &gt; d");
  CHECK(text_element(1, 2, "class=\"name\"", "<b>") == "<text x=\"1.0\" y=\"2.0\" class=\"name\">&lt;b&gt;</text>\n");
}

TEST_CASE("numbers are written briefly") {
  CHECK(number_text(0.25) == "0.25");
  CHECK(number_text(-0.0) == "0");
  CHECK(number_text(1234567, 3) == "1.23e+06");
  CHECK(fixed_text(93.1, 2) == "93.10");
  CHECK(magnitude_text(999) == "999");
  CHECK(magnitude_text(999.99) == "1k");
  CHECK(magnitude_text(1500) == "1.5k");
  CHECK(magnitude_text(-2.5e9) == "-2.5G");
  CHECK(magnitude_text(0.01) == "0.01");
}

TEST_CASE("series differ in color, marker or dash") {
  CHECK(color_class(0) == "c1");
  CHECK(color_class(color_count) == color_class(0));
  CHECK(dash_attribute(0).empty());
  CHECK(dash_attribute(color_count) != dash_attribute(0));
  CHECK(marker_element(0, 0, 0, 5) != marker_element(0, 0, 1, 5));
}

TEST_CASE("width of text counts characters, not bytes") {
  CHECK(text_width("abcdef") > text_width("abc"));
  CHECK(text_width("\u00b1") == doctest::Approx(text_width("n")));
}

TEST_CASE("a drawing on its own carries its style") {
  const std::string file = standalone_svg(open_svg(100, 50, "title") + "</svg>");
  CHECK(file.find("<style>") != std::string::npos);
  CHECK(file.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK_THROWS_AS(standalone_svg("nothing"), multifuse::argument_error);
}

}  // namespace test_examples_svg
