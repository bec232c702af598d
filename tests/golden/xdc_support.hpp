#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/xdc.hpp>

#include "rounding_support.hpp"
#include "support/golden.hpp"

/// The encoders of XDC as the metadata of a golden file configures them.
namespace golden_xdc {

namespace mf = multifuse;
namespace xdc = multifuse::xdc;
using mf::isize;
using D = mf::cpu<float>;

inline xdc::pseudo_labels<D>::numbers labels_of(const std::vector<std::int64_t>& clusters) {
  const std::vector<std::int32_t> numbers(clusters.begin(), clusters.end());
  return {mf::shape<mf::batch<>>(std::ssize(numbers)), std::span<const std::int32_t>(numbers)};
}
inline auto read_labels(golden::file& file, const std::string& name) {
  file.values(name);
  return labels_of(file.contents().read<std::int64_t>(name));
}

/// The model gives back what it was given, under the same names and shapes.
inline void check_names(golden::file& file, const auto& model, const mf::name_table& table, const std::string& prefix) {
  mf::for_each_official(
      model, table, mf::official_content::value,
      [&](const std::string& name, const std::vector<isize>& shape, const std::vector<float>& values) {
        CHECK(file.contents().at(prefix + name).shape == shape);
        file.expect(prefix + name, values, 0);
      });
}

/// What one step of training computes of a network: those numbers that the file has, by their names.
template <class M>
golden::named_numbers training_step(const golden::file& file, const std::string& who, const M& model,
                                    const mf::name_table& table, const auto& input,
                                    const xdc::pseudo_labels<D>& labels, const auto& to_ours) {
  golden::named_numbers found;
  const auto note = [&](const std::string& name, const std::vector<float>& numbers) {
    if (file.has(name)) found[name] = numbers;
  };
  mf::tape tape({.training = true});
  const auto features = model(to_ours(mf::watch(tape, input)));
  const auto loss = model.heads.loss(features, labels);
  note("output.train." + who + "features", features.value().to_host());
  note("output.train." + who + "logits", model.heads.first(features).value().to_host());
  note("loss.train." + who.substr(0, who.size() - 1), loss.value().to_host());
  mf::backward(loss);
  mf::for_each_official(model, table, mf::official_content::gradient,
                        [&](const std::string& name, const auto&, const auto& numbers) {
                          note("grad.train." + who + name, numbers);
                        });
  mf::for_each_official(model, table, mf::official_content::value,
                        [&](const std::string& name, const auto&, const auto& numbers) {
                          note("output.train." + who + name, numbers);
                        });
  CHECK(found.size() > 8);
  return found;
}

/// Features, logits, loss and gradients in evaluation, with every map that `observe(number, map)` compares, and one step
/// of training. Behind a norm of few values training amplifies rounding: see `expect_numbers`. `to_ours` changes the
/// layout of the input; `who` is "video." or "audio.".
template <class M>
void check_network(golden::file& file, const std::string& who, const auto& input, const xdc::pseudo_labels<D>& labels,
                   const auto& to_ours, const auto& observe) {
  const std::string modality = who.substr(0, who.size() - 1);
  M model;
  const auto table = xdc::official_names(model);
  mf::initialize(model, 1);
  file.load(model, table, "param." + who);
  check_names(file, model, table, "param." + who);
  mf::tape tape;
  const auto x = mf::watch(tape, input);
  const auto features = model.encoder.observed(to_ours(x), observe);
  file.expect("output." + who + "features", features, golden::output_tolerance);
  file.expect("output." + who + "logits", model.heads.first(features), golden::output_tolerance);
  const auto loss = model.heads.loss(features, labels);
  file.expect("loss." + modality, loss, golden::loss_tolerance);
  mf::backward(loss);
  CHECK(file.expect_gradients(model, table, "grad." + who, true) > 0);
  file.expect("grad.input." + modality, x.gradient(), golden::gradient_tolerance);

  golden::expect_numbers(file, model, [&](const M& changed, const golden::last_bits& bits) {
    return training_step(file, who, changed, table, bits.changed(input, modality), labels, to_ours);
  });
}

}  // namespace golden_xdc
