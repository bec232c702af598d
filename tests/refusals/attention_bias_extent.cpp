// expect: the bias has a wrong extent of this axis[^]*heads_axis.*4.*3
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/attention.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize heads_of_bias = 4;
#else
constexpr mf::isize heads_of_bias = 3;
#endif

void attend(const mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::tokens<6>, mf::width<8>>>& x,
            const mf::tensor<mf::cpu<float>, mf::shape<mf::heads<heads_of_bias>, mf::queries<6>, mf::keys<6>>>& bias) {
  mf::biased_attention<4>(x, x, x, bias, {});
}
