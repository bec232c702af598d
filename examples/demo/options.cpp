#include "options.hpp"

#include <cmath>
#include <cstdlib>

#include "multifuse/core/error.hpp"

namespace demo {

std::string usage() {
  return "Trains fusion strategies on real lip video and noisy speech with equal budgets, and compares them.\n"
         "usage: demo [options]\n"
         "  --data DIR     folder with av_grid and av_digits (default: see docs/demo.md)\n"
         "  --out FILE     where the report goes (default: demo_report.html)\n"
         "  --plot FILE    also write accuracy against cost as an SVG picture\n"
         "  --seeds N      trainings of each strategy, 1 ... 20 (default: 3)\n"
         "  --minutes M    for everything, 1 ... 1000; slower machines train for fewer steps (default: 9)\n"
         "  --jobs N       trainings at the same time, 1 ... 64 (default: 2)\n"
         "  --quick        a minute or less: one seed, few steps; shows that it works, not which strategy is best\n"
         "  --held-out     test on a fifth of the training sentences, which are not trained on: for choosing settings\n"
         "  --help         print this\n";
}

namespace {

double number(const std::string& option, const std::string& text, double least, double most, bool whole) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= least && value <= most) || (whole && value != std::floor(value)))
    throw multifuse::argument_error(option, "unusable value",
                                    std::string(whole ? "a whole number" : "a number") + " from " +
                                        std::to_string(int(least)) + " to " + std::to_string(int(most)),
                                    "'" + text + "'");
  return value;
}

}  // namespace

program_options parse(const std::vector<std::string>& arguments) {
  program_options options;
  bool seeds_given = false, minutes_given = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size() || arguments[i + 1].empty())
        throw multifuse::argument_error(name, "its value is missing", "a word after it", "nothing");
      return arguments[++i];
    };
    if (name == "--data") {
      options.data = value();
    } else if (name == "--out") {
      options.out = value();
    } else if (name == "--plot") {
      options.plot = value();
    } else if (name == "--seeds") {
      options.seeds = int(number(name, value(), 1, 20, true));
      seeds_given = true;
    } else if (name == "--minutes") {
      options.minutes = number(name, value(), 1, 1000, false);
      minutes_given = true;
    } else if (name == "--jobs") {
      options.jobs = int(number(name, value(), 1, 64, true));
    } else if (name == "--quick") {
      options.quick = true;
    } else if (name == "--held-out") {
      options.held_out = true;
    } else if (name == "--help" || name == "-h") {
      options.help = true;
    } else {
      throw multifuse::argument_error("command line", "unknown option", "one of those that --help names",
                                      "'" + name + "'");
    }
  }
  if (options.quick && !seeds_given) options.seeds = 1;
  if (options.quick && !minutes_given) options.minutes = 0.9;
  return options;
}

}  // namespace demo
