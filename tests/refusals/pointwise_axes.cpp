// expect: axes_agree<multifuse::functions::add, .*tokens_axis.*heads_axis
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using axis = mf::tokens<3>;
#else
using axis = mf::heads<3>;
#endif

using dev = mf::cpu<float>;

auto add(const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<3>, mf::width<8>>>& x,
         const mf::tensor<dev, mf::shape<axis, mf::width<8>>>& y) {
  return mf::evaluate(x + y * 2.0);
}
