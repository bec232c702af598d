// expect: one operand of a pointwise expression must have all axes of the others, in the same order
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using table = mf::shape<mf::tokens<3>, mf::width<8>>;
#else
using table = mf::shape<mf::width<8>, mf::tokens<3>>;
#endif

using dev = mf::cpu<float>;

auto add(const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<3>, mf::width<8>>>& x,
         const mf::tensor<dev, table>& y) {
  return mf::evaluate(x + y);
}
