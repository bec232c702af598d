#include "support/report.hpp"

#include <doctest/doctest.h>

#include "examples/small_data.hpp"

namespace test_examples_report {

using namespace examples;

TEST_CASE("a report holds its parts in order, escaped, and asks nothing of the network") {
  report page("Title & more", "below");
  page.section("First <section>").paragraph("1 < 2").facts({{"42 %", "of all"}});
  page.table({{"name", "value"}, {{"a", "1.5"}, {"b", "-2"}}, {1}}, "caption");
  page.figure("<svg></svg>", "one").figure("<svg></svg>", "two", true).section("Second");
  const std::string html = page.html();
  for (const char* text : {"Title &amp; more", "First &lt;section&gt;", "1 &lt; 2", "42 %",
                           "<th class=\"number\">value", "<tr class=\"best\"><td>b", "<figcaption>two", "#s2"})
    CHECK_MESSAGE(html.find(text) != std::string::npos, text);
  CHECK(html.find("First") < html.find("Second"));
  CHECK(html.find("http:") == std::string::npos);
  CHECK(html.find("https:") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  // both figures in one group, closed before the next section
  const auto group = html.find("<div class=\"figures\">");
  CHECK(html.find("<div class=\"figures\">", group + 1) == std::string::npos);
}

TEST_CASE("rows that do not fit the table are refused") {
  report page("t");
  CHECK_THROWS_AS(page.table({{"a", "b"}, {{"1"}}}), multifuse::argument_error);
}

TEST_CASE("a report is written whole or not at all") {
  const small_data::temporary_folder folder;
  const report page("t");
  page.write(folder / "page.html");
  CHECK(small_data::read_text(folder / "page.html") == page.html());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK_THROWS_AS(page.write(folder / "missing/page.html"), multifuse::file_error);
}

}  // namespace test_examples_report
