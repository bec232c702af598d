// goldens: uavm_data
#include <golden/uavm_data.hpp>
#include <multifuse/modalities/augment.hpp>
#include <multifuse/modalities/feature_rows.hpp>

#include "support/golden.hpp"

namespace mf = multifuse;
using mf::isize;
using config = golden::uavm_data::config;

TEST_CASE("the data loader: cutting, padding, normalizing, labels, mixing and rolling") {
  golden::file file(golden::uavm_data::path);
  const auto smoothing = float(config::label_smooth);
  const auto prepared = [&](const std::string& name, bool normalize) {
    auto rows = mf::fit_rows(file.values("input." + name), config::dim, config::seq_len);
    if (normalize) mf::normalize_rows(rows, config::dim);
    return rows;
  };
  const auto positives = [&](std::size_t sample) {
    std::vector<isize> classes;
    for (const auto c : config::labels[sample]) classes.push_back(c);
    return classes;
  };
  for (std::size_t sample = 0; sample < std::size(config::labels); ++sample) {
    const std::string n = std::to_string(sample), plain = "output.plain" + n + ".";
    for (const std::string modality : {"a", "v"})
      file.expect(plain + modality, prepared(modality + n, true), golden::output_tolerance);
    file.expect("output.nonorm" + n + ".a", prepared("a" + n, false), golden::output_tolerance);
    file.expect(plain + "label", mf::smoothed_labels(config::n_class, smoothing).replace(positives(sample)).values(),
                golden::output_tolerance);
  }

  const float lambda = file.values("input.mix_lambda")[0];
  const auto shift = file.contents().read<std::int64_t>("input.shift")[0];
  file.values("input.shift");
  for (const std::string modality : {"a", "v"}) {
    auto mixed = prepared(modality + "0", true);
    const auto partner = prepared(modality + "1", true);
    for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] = lambda * mixed[i] + (1 - lambda) * partner[i];
    file.expect("output.mix." + modality, mixed, golden::output_tolerance);
    auto rolled = prepared(modality + "0", true);
    mf::roll_frames(rolled, config::dim, isize(shift));
    file.expect("output.shift." + modality, rolled, golden::output_tolerance);
  }
  file.expect("output.mix.label",
              mf::smoothed_labels(config::n_class, smoothing).add(positives(0), lambda).add(positives(1), 1 - lambda).values(),
              golden::output_tolerance);
  file.require_all_used();
}
