// expect: axis_of<.*batch_axis.*, multifuse::heads_axis>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tensor/expression.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using wanted = mf::tokens_axis;
#else
using wanted = mf::heads_axis;
#endif

mf::isize count(const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::tokens<3>>>& x) {
  return mf::extent<wanted>(x) + 1;
}
