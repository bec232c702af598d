// expect: extent_mismatch<multifuse::linear<.*>, multifuse::width_axis, 8, 16>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/mlp.hpp>
#include <multifuse/ops/reduce.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize width = 8;
#else
constexpr mf::isize width = 16;
#endif

using dev = mf::cpu<float>;

void train(const mf::linear<dev, 8, 4>& head, mf::tape& tape,
           const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<3>, mf::width<width>>>& x) {
  const auto logits = head(mf::relu(mf::record(tape, x)));
  mf::backward(mf::sum(mf::mean<mf::tokens_axis>(logits)));
}
