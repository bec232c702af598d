// expect: devices_agree<multifuse::linear_op<.*>, multifuse::cpu<float>, multifuse::cpu<double>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/mlp.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using other = mf::cpu<float>;
#else
using other = mf::cpu<double>;
#endif

auto infer(const mf::mlp<other, 8, 4>& model,
           const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::width<8>>>& x) {
  return model.expand(x);
}
