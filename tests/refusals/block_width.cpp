// expect: extent_mismatch<multifuse::transformer_block<.*>, multifuse::width_axis, 8, 16>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/transformer_block.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize width = 8;
#else
constexpr mf::isize width = 16;
#endif

using dev = mf::cpu<float>;

auto encode(const mf::transformer_block<dev, 8, 2>& block,
            const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<3>, mf::width<width>>>& x) {
  return block(x);
}
