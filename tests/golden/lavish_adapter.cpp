// goldens: lavish_adapter
#include <golden/lavish_adapter.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/systems/lavish.hpp>

#include "support/golden.hpp"

namespace {

namespace mf = multifuse;
namespace lavish = multifuse::lavish;
using D = golden::device<float>;
using config = golden::lavish_adapter::config;

constexpr lavish::task task_of(std::string_view source) {
  if (source.starts_with("AVE/")) return lavish::task::localization;
  if (source.starts_with("AVS/")) return lavish::task::segmentation;
  if (source.starts_with("AVQA/")) return lavish::task::question_answering;
  throw "a task that this test does not know";
}

template <class Case> constexpr mf::adapter_config adapter_of(bool gate) {
  static_assert(Case::adapter_kind == "bottleneck" || Case::adapter_kind == "basic");
  lavish::adaptation a;
  a.variant = task_of(Case::source);
  a.latents = config::num_tokens, a.reduction = config::reduction_factor, a.groups = config::num_conv_group;
  a.multimodal = Case::is_multimodal;
  a.batch_norm = Case::use_bn, a.norm_before = Case::is_before_layernorm, a.norm_after = Case::is_post_layernorm;
  mf::adapter_config c = a.adapters();
  c.gate = gate;
  if (Case::adapter_kind == "basic") c.kind = mf::adapter_kind::linear, c.latents = 0, c.norm_before = false;
  return c;
}

/// The adapter of one modality with the weights of the file.
template <class Case, bool Audio> struct side {
  static constexpr mf::adapter_config settings = adapter_of<Case>(Audio ? Case::use_gate_audio : Case::use_gate_vis);
  static constexpr mf::isize count = Audio ? config::audio_tokens : config::vis_tokens;
  mf::adapter<D, config::dim, settings> adapter;
  mf::name_table table;
  std::string who = Audio ? "audio" : "vis";

  side(golden::file& file, const std::string& name) {
    lavish::name_adapter(table.within("", ""), config::dim, settings);
    mf::initialize(adapter, 1);
    file.load(adapter, table, "param." + name + "." + who + ".");
    if (settings.latents > 0 && task_of(Case::source) == lavish::task::segmentation)
      file.set_aside("param." + name + "." + who + ".ln_before.", "the official code has it and does not apply it");
  }
  auto input(golden::file& file, const std::string& name) const {
    return file.tensor<D>("input." + name + who, mf::shape<mf::batch<>, mf::tokens<count>, mf::width<config::dim>>(config::batch));
  }
  auto objective(golden::file& file, const std::string& at, const auto& y) const {
    file.expect("output." + at + "." + who, y, golden::output_tolerance);
    return mf::sum(y * input(file, "cotangent_"));
  }

  void expect_gradients(golden::file& file, const std::string& at, const auto& tokens, bool training) const {
    std::vector<std::string_view> vanishing;  // a normalization behind these takes back what they do
    if (training && settings.batch_norm) vanishing.push_back("ln_before.bias");
    if (training && settings.batch_norm && settings.nonlinearity == mf::activation::none) vanishing.push_back("bn1.bias");
    if (settings.gate_before_norm && settings.norm_after) vanishing.push_back("gate");
    CHECK(file.expect_gradients(adapter, table, "grad." + at + "." + who + ".", true, vanishing) > 0);
    file.expect("grad." + at + ".input." + who, tokens.gradient(), golden::gradient_tolerance);
  }
  void expect_statistics(golden::file& file, const std::string& at) const {
    mf::for_each_official(adapter, table, mf::official_content::value,
                          [&](const std::string& name, const auto&, const std::vector<float>& values) {
                            if (name.find("running_") != std::string::npos)
                              file.expect("output." + at + "." + who + "." + name, values, golden::output_tolerance);
                          });
  }
};

template <class Case> void check(golden::file& file, const std::string& name, const std::string& mode) {
  const std::string at = name + "." + mode;
  if (!file.has("loss." + at)) return;  // without batch norm the modes are one
  const side<Case, true> audio(file, name);
  const side<Case, false> vis(file, name);
  mf::tape tape(mf::tape_options{.training = mode == "train"});
  const auto a = mf::watch(tape, audio.input(file, ""));
  const auto v = mf::watch(tape, vis.input(file, ""));
  const auto of_a = mf::evaluate(audio.adapter(a, v));
  const auto of_v = mf::evaluate(vis.adapter(v, a));
  const auto loss = mf::evaluate(audio.objective(file, at, of_a) + vis.objective(file, at, of_v));
  file.expect("loss." + at, loss, golden::loss_tolerance);
  mf::backward(loss);
  audio.expect_gradients(file, at, a, tape.training());
  vis.expect_gradients(file, at, v, tape.training());
  if (!tape.training()) return;
  audio.expect_statistics(file, at);
  vis.expect_statistics(file, at);
}

}  // namespace

TEST_CASE("adapters of all tasks: outputs, losses, gradients, running statistics") {
  golden::file file(golden::lavish_adapter::path);
  config::cases::for_each([&](std::string_view name, auto one) {
    INFO("case " << std::string(name));
    check<decltype(one)>(file, std::string(name), "eval");
    check<decltype(one)>(file, std::string(name), "train");
  });
  file.require_all_used();
}
