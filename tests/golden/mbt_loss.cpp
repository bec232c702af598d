// goldens: mbt_loss
#include <golden/mbt_loss.hpp>
#include <multifuse/train/mixup.hpp>

#include "mbt_support.hpp"

namespace {

namespace mf = multifuse;
namespace mbt = multifuse::mbt;
using D = mf::cpu<float>;
using config = golden::mbt_loss::config;
using logits_shape = mf::shape<mf::batch<>, mf::width<config::classes>>;

/// One loss on the logits of one or both modalities, and its gradients.
template <class Loss> void check_loss(golden::file& file, const std::string& name, bool both, const Loss& loss_of) {
  INFO(name);
  mf::tape tape;
  const auto rgb = mf::watch(tape, file.tensor<D>("input.logits_rgb", logits_shape(config::batch)));
  const auto spectrogram = mf::watch(tape, file.tensor<D>("input.logits_spectrogram", logits_shape(config::batch)));
  const auto loss = both ? loss_of(mf::bundle_of<mbt::spectrogram, mbt::rgb>(spectrogram, rgb)) : loss_of(rgb);
  file.expect("loss." + name, loss, golden::loss_tolerance);
  mf::backward(loss);
  file.expect("grad." + name + ".logits_rgb", rgb.gradient(), golden::gradient_tolerance);
  if (both) file.expect("grad." + name + ".logits_spectrogram", spectrogram.gradient(), golden::gradient_tolerance);
}

}  // namespace

TEST_CASE("losses with and without label smoothing, of one and two modalities, masked, and mixup") {
  golden::file file(golden::mbt_loss::path);
  const auto multi_hot = file.tensor<D>("input.multi_hot", logits_shape(config::batch));
  const auto one_hot = file.tensor<D>("input.one_hot", logits_shape(config::batch));
  const auto two_head = file.tensor<D>("input.two_head_one_hot", logits_shape(config::batch));
  const auto mask = file.tensor<D>("input.batch_mask", mf::shape<mf::batch<>>(config::batch));
  for (const double smoothing : {0.0, double(config::label_smoothing)}) {
    const std::string end = smoothing > 0 ? "_smooth" : "";
    const auto sigmoid = [&](const auto& x) { return mbt::multilabel_loss(x, multi_hot, smoothing); };
    const auto softmax = [&](const auto& x) { return mbt::classification_loss(x, one_hot, smoothing); };
    check_loss(file, "sigmoid_single" + end, false, sigmoid);
    check_loss(file, "sigmoid_two_modalities" + end, true, sigmoid);
    check_loss(file, "sigmoid_masked" + end, false,
               [&](const auto& x) { return mbt::multilabel_loss(x, multi_hot, smoothing, mask); });
    check_loss(file, "softmax_single" + end, false, softmax);
    check_loss(file, "softmax_two_modalities" + end, true, softmax);
    check_loss(file, "softmax_masked" + end, false,
               [&](const auto& x) { return mbt::classification_loss(x, one_hot, smoothing, mask); });
    check_loss(file, "two_head_softmax" + end, true,
               [&](const auto& x) { return mbt::two_head_loss<config::class_splits[0]>(x, two_head, smoothing); });
  }

  const auto flat = [&](const std::string& name) {  // [batch, whatever an item has]
    const auto& found = file.contents().at(name).shape;
    mf::isize each = 1;
    for (std::size_t i = 1; i < found.size(); ++i) each *= found[i];
    return file.tensor<D>(name, mf::shape<mf::batch<>, mf::samples<>>(found[0], each));
  };
  for (const std::string group : {"mixup", "modality_mixup"}) {
    const auto weights = file.values("input." + group + ".weights");
    std::vector<std::int32_t> reversed;
    for (mf::isize i = config::batch; i-- > 0;) reversed.push_back(std::int32_t(i));
    std::size_t number = 0;
    for (const std::string modality : {"spectrogram", "rgb"}) {  // the order in which the weights were drawn
      const mf::mixup mix(reversed, std::vector<double>(reversed.size(), double(weights[number++])));
      file.expect("output." + group + "." + modality, mix(flat("input.mixup." + modality)), golden::output_tolerance);
      const auto labels = mix(flat("input.mixup.label"));
      file.expect("output." + group + ".label_" + modality, labels, golden::output_tolerance);
      if (file.has("output." + group + ".label_all"))
        file.expect("output." + group + ".label_all", labels, golden::output_tolerance);
    }
  }
  file.require_all_used();
}
