// Makes a page with plots from the JSON files of the benchmarks: benchmark_report FOLDER OUTPUT.html
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "peers/comparison.hpp"
#include "support/plot.hpp"
#include "support/report.hpp"

namespace {

using json = nlohmann::json;

/// One measurement; `labels` are the parts of its name: strategy/width:small/... gives {"", "strategy"}, {"width", "small"}.
struct measurement {
  std::string name;
  std::map<std::string, std::string> labels;
  double seconds = 0, flops = 0, bytes = 0;

  std::string label(const std::string& key) const {
    const auto found = labels.find(key);
    return found == labels.end() ? "" : found->second;
  }
};

double in_seconds(double value, const std::string& unit) {
  return value * (unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : 1e-9);
}

std::vector<measurement> read(const std::filesystem::path& file, json& context) {
  std::vector<measurement> found;
  std::ifstream input(file);
  if (!input) return found;
  const json whole = json::parse(input);
  if (whole.contains("context")) context = whole["context"];
  for (const auto& entry : whole.at("benchmarks")) {
    if (entry.value("error_occurred", false) || entry.value("run_type", "") == "aggregate") continue;
    measurement one;
    one.name = entry.at("name");
    one.seconds = in_seconds(entry.at("real_time"), entry.value("time_unit", "ns"));
    one.flops = entry.value("FLOP/s", 0.0);
    one.bytes = entry.value("bytes", entry.value("program_bytes", 0.0));
    for (std::size_t at = 0; at <= one.name.size();) {
      const std::size_t end = std::min(one.name.find('/', at), one.name.size());
      const std::string part = one.name.substr(at, end - at);
      const std::size_t colon = part.find(':');
      if (colon != std::string::npos)
        one.labels[part.substr(0, colon)] = part.substr(colon + 1);
      else if (part == "forward" || part == "training")
        one.labels["kind"] = part;
      else if (one.labels.count("") == 0)
        one.labels[""] = part;
      at = end + 1;
    }
    found.push_back(one);
  }
  return found;
}

/// One line for each strategy: `value` against the label `along`, of the measurements that have all of `fixed`.
template <class Value>
examples::line_plot lines(const std::vector<measurement>& all, const std::string& title, const std::string& along,
                          const std::map<std::string, std::string>& fixed, const std::string& unit, bool logarithmic,
                          Value value) {
  std::map<std::string, std::map<double, double>> points;
  for (const auto& one : all) {
    bool fits = !one.label(along).empty();
    for (const auto& [key, wanted] : fixed) fits = fits && one.label(key) == wanted;
    if (fits) points[one.label("")][std::stod(one.label(along))] = value(one);
  }
  examples::line_plot plot{.title = title, .x = {.label = along, .logarithmic = logarithmic}, .y = {.label = unit, .logarithmic = logarithmic}};
  for (const auto& [strategy, curve] : points) {
    examples::series line{.name = strategy, .x = {}, .y = {}};
    for (const auto& [x, y] : curve) line.x.push_back(x), line.y.push_back(y);
    if (line.x.size() > 1) plot.lines.push_back(line);
  }
  return plot;
}

std::string text(double value, const char* format) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

/// The slope of log(seconds) over log(tokens), by least squares, for tokens within bounds; text of nothing for fewer than
/// three points.
std::string growth(const std::vector<measurement>& all, const std::string& strategy, const std::string& kind,
                   double least, double most) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const auto& one : all) {
    if (one.label("") != strategy || one.label("kind") != kind || one.label("width") != "narrow" ||
        one.label("modalities") != "2" || one.label("batch") != "1")
      continue;
    const double tokens = std::stod(one.label("tokens"));
    if (tokens < least || tokens > most) continue;
    const double x = std::log(tokens), y = std::log(one.seconds);
    n += 1, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return n < 3 ? "" : text((n * sxy - sx * sy) / (n * sxx - sx * sx), "%.2f");
}

/// How the time of each strategy grows with the tokens of its streams.
void add_growth(examples::report& page, const std::vector<measurement>& all) {
  std::set<std::string> strategies;
  for (const auto& one : all)
    if (one.label("width") == "narrow") strategies.insert(one.label(""));
  examples::text_table table{.columns = {"strategy", "inference, 64 ... 512", "inference, 1024 ... 8192",
                                         "training, 64 ... 512", "training, 1024 ... 8192"},
                             .rows = {}};
  for (const auto& strategy : strategies) {
    std::vector<std::string> cells{strategy};
    for (const std::string kind : {"forward", "training"})
      for (const double least : {64.0, 1024.0}) cells.push_back(growth(all, strategy, kind, least, 8 * least));
    if (!cells[1].empty()) table.rows.push_back(cells);
  }
  if (!table.rows.empty())
    page.table(table, "Time grows with this power of the tokens of each stream: narrow width, two modalities.");
}

void add_strategies(examples::report& page, const std::vector<measurement>& all) {
  if (all.empty()) return;
  page.section("Fusion strategies").paragraph("One layer of each strategy and a readout; every stream has the same number of tokens.");
  const auto add = [&](const examples::line_plot& plot) {
    if (!plot.lines.empty()) page.figure(plot.svg(), "");
  };
  for (const std::string width : {"narrow", "small", "base"})
    for (const std::string kind : {"forward", "training"}) {
      const std::map<std::string, std::string> fixed{{"width", width}, {"modalities", "2"}, {"batch", "1"}, {"kind", kind}};
      const std::string which = (kind == "forward" ? "Inference, " : "Training step, ") + width + " width, two modalities";
      add(lines(all, which, "tokens", fixed, "milliseconds", true, [](const measurement& m) { return m.seconds * 1e3; }));
      add(lines(all, which, "tokens", fixed, "GFLOP/s", false, [](const measurement& m) { return m.flops / 1e9; }));
    }
  add_growth(page, all);
  for (const std::string width : {"narrow", "small"})
    add(lines(all, "Cost of more modalities: inference, " + width + " width", "modalities",
              {{"width", width}, {"tokens", "256"}, {"batch", "1"}, {"kind", "forward"}}, "milliseconds", false,
              [](const measurement& m) { return m.seconds * 1e3; }));
  add(lines(all, "Batches: inference, small width, 64 tokens", "batch",
            {{"width", "small"}, {"tokens", "64"}, {"modalities", "2"}, {"kind", "forward"}}, "GFLOP/s", false,
            [](const measurement& m) { return m.flops / 1e9; }));
}

void add_operations(examples::report& page, const std::vector<measurement>& all) {
  if (all.empty()) return;
  page.section("Operations");
  examples::text_table table{.columns = {"operation", "microseconds", "GFLOP/s", "GB/s of inputs"}, .rows = {}};
  for (const auto& one : all)
    table.rows.push_back({one.name, text(one.seconds * 1e6, "%.1f"), text(one.flops / 1e9, "%.2f"),
                          text(one.bytes / one.seconds / 1e9, "%.2f")});
  page.table(table, "Forward: inference. Training: forward and backward with gradients of inputs and weights.");
}

void add_compilation(examples::report& page, const std::vector<measurement>& all) {
  if (all.empty()) return;
  page.section("Compile time");
  examples::text_table table{.columns = {"program and compiler", "seconds", "stripped program, KB"}, .rows = {}};
  for (const auto& one : all)
    table.rows.push_back({one.name, text(one.seconds, "%.2f"), text(one.bytes / 1024, "%.0f")});
  page.table(table, "User time with -O2, the best of three.");
}

/// Bars of one kind of rows that share all of `part`: how much of the peak each contestant reaches.
void add_shares(examples::report& page, const peers::comparison& all, const std::string& kind, const std::string& part,
                const std::string& title) {
  examples::bar_plot plot{.title = title, .value = {.label = "percent of the multiply-add peak"}, .categories = {}, .groups = {}};
  std::vector<const peers::row*> shown;
  for (const auto& row : all.rows)
    if (row.kind == kind && row.name.find(part) != std::string::npos) shown.push_back(&row);
  if (shown.empty()) return;
  for (const auto* row : shown) {
    std::string name = row->name.substr(kind.size() + 1);
    if (const auto at = name.find(part); part.size() > 1 && at != std::string::npos) name.replace(at, part.size(), " ");
    plot.categories.push_back(name + (row->disturbed ? " *" : ""));
  }
  const std::pair<std::string, std::string> labels[] = {
      {"multifuse", "multifuse"}, {"bf16", "multifuse in bf16"}, {"onnxruntime", "ONNX Runtime"}, {"pytorch", "PyTorch"},
      {"eigen", "Eigen"}};
  for (const auto& [who, label] : labels) {
    examples::bar_series bars{.name = label, .values = {}};
    bool any = false;
    for (const auto* row : shown) {
      const peers::result* const found = row->find(who);
      any = any || found;
      bars.values.push_back(found ? 100 * found->share_of_peak : examples::none);
    }
    if (any) plot.groups.push_back(bars);
  }
  page.figure(plot.svg(), "");
}

/// How many times as long a peer takes, by row, and what all need.
void add_factors(examples::report& page, const peers::comparison& all) {
  examples::text_table table{.columns = {"", "multifuse", "PyTorch", "factor", "ONNX Runtime", "factor", "Eigen", "factor"},
                             .rows = {}};
  for (const auto& row : all.rows) {
    const peers::result* const ours = row.find("multifuse");
    if (!ours) continue;
    std::vector<std::string> cells{row.name + (row.disturbed ? " *" : ""), text(ours->seconds * 1e3, "%.3g ms")};
    for (const std::string who : {"pytorch", "onnxruntime", "eigen"}) {
      const peers::result* const peer = row.find(who);
      cells.push_back(peer ? text(peer->seconds * 1e3, "%.3g ms") : "");
      cells.push_back(peer ? text(peer->seconds / ours->seconds, "%.2f") : "");
    }
    table.rows.push_back(cells);
  }
  page.table(table, "Factors: how many times as long the peer takes. * Other programs were running.");
}

void add_peers(examples::report& page, const peers::comparison& all) {
  if (all.rows.empty() && all.errors.empty()) return;
  std::string versions;
  for (const auto& [who, version] : all.versions) versions += "; " + who + " " + version;
  page.section("Against PyTorch and ONNX Runtime");
  page.paragraph(all.date + ", " + all.processor + ", " + text(all.peak_of_a_thread / 1e9, "%.0f") +
                 " GFLOP/s of float32 multiply-adds a thread" + versions +
                 ". All took turns; medians. Of PyTorch's ways (eager, JIT, compile) the fastest counts.");
  for (const auto& [name, why] : all.errors) page.paragraph(name + ": " + why);
  add_shares(page, all, "gemm", "/", "Products, one thread");
  for (const std::string kind : {"inference", "training"})
    for (const std::string size : {"tiny32", "tiny64", "small", "base", "base8"})
      add_shares(page, all, kind, "/" + size + "/", (kind == "inference" ? "Inference, " : "Training step, ") + size);
  if (!all.rows.empty()) add_factors(page, all);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 3) {
    std::fprintf(stderr, "benchmark_report: expected a folder with JSON files and the name of the page\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  json context = json::object();
  const auto fusion = read(folder / "fusion.json", context), ops = read(folder / "ops.json", context);
  json ignored;
  const auto compilation = read(folder / "compile_time.json", ignored);
  examples::report page("multifuse: benchmarks", context.value("date", ""));
  if (context.contains("num_cpus"))
    page.paragraph(std::to_string(context["num_cpus"].get<int>()) + " processors at " +
                   std::to_string(context.value("mhz_per_cpu", 0)) + " MHz, one thread, float32.");
  add_strategies(page, fusion);
  add_operations(page, ops);
  add_compilation(page, compilation);
  add_peers(page, peers::read_comparison(folder / "peers.json"));
  page.write(arguments[2]);
} catch (const std::exception& problem) {
  std::fprintf(stderr, "benchmark_report: %s\n", problem.what());
  return 1;
}
