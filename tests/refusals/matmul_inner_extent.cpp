// expect: disagree on this axis[^]*width_axis.*4.*5
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/matmul.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize inner = 4;
#else
constexpr mf::isize inner = 5;
#endif

void multiply(const mf::tensor<mf::cpu<float>, mf::shape<mf::rows<3>, mf::width<4>>>& a,
              const mf::tensor<mf::cpu<float>, mf::shape<mf::width<inner>, mf::columns<2>>>& b) {
  mf::matmul<mf::width_axis>(a, b);
}
