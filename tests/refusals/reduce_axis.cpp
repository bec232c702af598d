// expect: has_axis[^]*heads_axis
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/reduce.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using reduced = mf::tokens_axis;
#else
using reduced = mf::heads_axis;
#endif

auto pool(const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::tokens<3>, mf::width<8>>>& x) {
  return mf::mean<reduced>(x);
}
