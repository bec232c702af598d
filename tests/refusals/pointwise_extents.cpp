// expect: extent_mismatch<multifuse::functions::multiply, multifuse::width_axis, 8, 16>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize width = 8;
#else
constexpr mf::isize width = 16;
#endif

using dev = mf::cpu<float>;

auto scale(const mf::tensor<dev, mf::shape<mf::batch<>, mf::width<8>>>& x,
           const mf::tensor<dev, mf::shape<mf::width<width>>>& row) {
  return mf::evaluate(mf::exp(x * row + 1.0));
}
