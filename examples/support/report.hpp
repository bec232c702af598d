#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/io/file.hpp"
#include "svg.hpp"

namespace examples {

/// Rows of text under a heading. Columns whose cells begin with a digit or a sign are set to the right.
struct text_table {
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};
  std::vector<std::size_t> emphasized = {};  ///< rows to set in bold
};

/// One self-contained HTML page: no script, no font and no picture from elsewhere; light or dark as the reader's system
/// is. Text is escaped; drawings (of plot.hpp and heat_map.hpp) are taken as they are.
class report {
 public:
  explicit report(std::string title, std::string subtitle = {})
      : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

  report& section(std::string_view heading) {
    close_figures();
    const std::string anchor = "s" + std::to_string(++sections_);
    contents_ += "<a href=\"#" + anchor + "\">" + escape_markup(heading) + "</a>";
    return add("<h2 id=\"" + anchor + "\">" + escape_markup(heading) + "</h2>\n");
  }

  report& paragraph(std::string_view text) {
    close_figures();
    return add("<p>" + escape_markup(text) + "</p>\n");
  }

  /// A few numbers worth reading first, each with what it is: {{"92.4 %", "best fusion"}, ...}.
  report& facts(const std::vector<std::pair<std::string, std::string>>& numbers) {
    close_figures();
    std::string out = "<div class=\"facts\">";
    for (const auto& [number, meaning] : numbers)
      out += "<div><b>" + escape_markup(number) + "</b><span>" + escape_markup(meaning) + "</span></div>";
    return add(out + "</div>\n");
  }

  /// @throws argument_error  when a row has not one cell for every column
  report& table(const text_table& table, std::string_view caption = {}) {
    close_figures();
    std::vector<std::string> alignment(table.columns.size());
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      bool numeric = !table.rows.empty();
      for (const auto& row : table.rows) {
        if (row.size() != table.columns.size())
          throw multifuse::argument_error("report::table", "wrong number of cells in a row",
                                          std::to_string(table.columns.size()), std::to_string(row.size()));
        const std::string_view cell = row[c];
        numeric =
            numeric && (cell.empty() || std::string_view("0123456789+-.").find(cell[0]) != std::string_view::npos ||
                        cell.substr(0, 3) == "\u2212" || cell.substr(0, 3) == "\u2013");
      }
      if (numeric) alignment[c] = " class=\"number\"";
    }
    std::string out = "<div class=\"card scroll\"><table>";
    if (!caption.empty()) out += "<caption>" + escape_markup(caption) + "</caption>";
    out += "<thead><tr>";
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      out += "<th" + alignment[c] + ">" + escape_markup(table.columns[c]) + "</th>";
    out += "</tr></thead><tbody>\n";
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      const bool bold = std::find(table.emphasized.begin(), table.emphasized.end(), r) != table.emphasized.end();
      out += bold ? "<tr class=\"best\">" : "<tr>";
      for (std::size_t c = 0; c < table.columns.size(); ++c)
        out += "<td" + alignment[c] + ">" + escape_markup(table.rows[r][c]) + "</td>";
      out += "</tr>\n";
    }
    return add(out + "</tbody></table></div>\n");
  }

  /// A drawing with what it shows. Figures that follow one another share rows; a `wide` one has a row of its own.
  report& figure(std::string_view drawing, std::string_view caption, bool wide = false) {
    if (!figures_open_) add("<div class=\"figures\">\n");
    figures_open_ = true;
    return add("<figure class=\"card" + std::string(wide ? " wide" : "") + "\">" + std::string(drawing) +
               "<figcaption>" + escape_markup(caption) + "</figcaption></figure>\n");
  }

  /// The whole page.
  std::string html() const {
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
           escape_markup(title_) + "</title>\n<style>\n" + svg_style() + std::string(page_style) +
           "</style>\n</head>\n<body>\n" + "<header><h1>" + escape_markup(title_) + "</h1>" +
           (subtitle_.empty() ? "" : "<p class=\"subtitle\">" + escape_markup(subtitle_) + "</p>") +
           (sections_ > 1 ? "<nav>" + contents_ + "</nav>" : "") + "</header>\n<main>\n" + body_ +
           (figures_open_ ? "</div>\n" : "") + "</main>\n</body>\n</html>\n";
  }

  /// Writes the page; a reader finds the old one or the whole new one, never a part.
  /// @throws file_error  when the folder is missing or not writable, or the disk is full
  void write(const std::filesystem::path& path) const {
    multifuse::atomic_file file(path);
    file.write(html());
    file.commit();
  }

 private:
  static constexpr std::string_view page_style = R"(*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
header,main{max-width:1160px;margin:0 auto;padding:0 24px}header{padding-top:44px}main{padding-bottom:64px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:0 0 8px}
h2{font-size:20px;letter-spacing:-.01em;margin:40px 0 10px}
p{max-width:76ch;margin:0 0 14px}.subtitle{color:var(--muted);font-size:17px}
nav{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:14px;
border-top:1px solid var(--faint);padding-top:12px;margin-bottom:20px}
nav a{color:var(--accent);text-decoration:none}nav a:hover{text-decoration:underline}
.card{background:var(--surface);border:1px solid var(--faint);border-radius:12px;padding:14px 16px;margin:0 0 18px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding:0 8px 8px}
th{font-weight:600;color:var(--muted);text-align:left;
border-bottom:1px solid var(--rule);padding:6px 10px;vertical-align:bottom}
td{padding:7px 10px;border-bottom:1px solid var(--faint);white-space:nowrap}tbody tr:last-child td{border-bottom:0}
tbody tr:hover{background:var(--page)}.number{text-align:right}.best td{font-weight:650}
.best td:first-child{box-shadow:inset 3px 0 0 var(--accent)}
.figures{display:grid;grid-auto-flow:dense;
grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:18px;margin-bottom:18px}
figure.card{margin:0}figure.wide{grid-column:1/-1}
figcaption{color:var(--muted);font-size:13.5px;line-height:1.45;padding:8px 2px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:14px;margin:6px 0 20px}
.facts div{background:var(--surface);border:1px solid var(--faint);border-radius:12px;padding:12px 16px}
.facts b{display:block;font-size:25px;letter-spacing:-.02em;line-height:1.25;font-variant-numeric:tabular-nums}
.facts span{color:var(--muted);font-size:13.5px}
@media print{.card,.facts div{break-inside:avoid}}
)";

  report& add(std::string_view markup) {
    body_ += markup;
    return *this;
  }

  void close_figures() {
    if (figures_open_) body_ += "</div>\n";
    figures_open_ = false;
  }

  std::string title_, subtitle_, contents_, body_;
  int sections_ = 0;
  bool figures_open_ = false;
};

}  // namespace examples
