// The program of the compile budget: MBT-Base, forward and backward.
#include <cstdio>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/systems/mbt.hpp>

namespace mf = multifuse;

int main() {
  using dev = mf::cpu<float>;
  mf::mbt::model<dev> model;
  mf::initialize(model, 1);
  mf::tape tape;
  const auto sound = mf::zeros<dev>(mf::shape<mf::batch<>, mf::rows<800>, mf::columns<128>, mf::channels<3>>(1));
  const auto video =
      mf::zeros<dev>(mf::shape<mf::batch<>, mf::frames<32>, mf::rows<224>, mf::columns<224>, mf::channels<3>>(1));
  const auto labels = mf::zeros<dev>(mf::shape<mf::batch<>, mf::width<527>>(1));
  const auto encoded = model.encode_class_tokens(model.tokenize(mf::record(tape, sound), mf::record(tape, video)));
  const auto loss = mf::mbt::multilabel_loss(model.stream_logits(encoded), labels, 0.3);
  mf::backward(loss);
  std::printf("%g\n", double(loss.value().to_host()[0]));
}
