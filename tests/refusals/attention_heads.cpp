// expect: the number of heads divides the width
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/attention.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize heads = 4;
#else
constexpr mf::isize heads = 5;
#endif

void attend(const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::tokens<>, mf::width<8>>>& x) {
  mf::attention<heads>(x, x, x);
}
