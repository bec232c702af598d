// expect: same_leading_axes_or_none
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/matmul.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using leading = mf::batch<>;
#else
using leading = mf::frames<>;
#endif

void multiply(const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::rows<3>, mf::width<4>>>& a,
              const mf::tensor<mf::cpu<float>, mf::shape<leading, mf::width<4>, mf::columns<2>>>& b) {
  mf::matmul<mf::width_axis>(a, b);
}
