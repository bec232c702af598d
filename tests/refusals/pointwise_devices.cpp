// expect: devices_agree<multifuse::functions::add, multifuse::cpu<float>, multifuse::cpu<double>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using other = mf::cpu<float>;
#else
using other = mf::cpu<double>;
#endif

using row = mf::shape<mf::batch<>, mf::width<8>>;

auto add(const mf::tensor<mf::cpu<float>, row>& x, const mf::tensor<other, row>& y) {
  return mf::evaluate(mf::exp(x + y) * 2.0);
}
