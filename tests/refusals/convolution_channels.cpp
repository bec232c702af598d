// expect: convolution.*channels_axis.*4.*3
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/convolution.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize channels = 4;
#else
constexpr mf::isize channels = 3;
#endif

using layer = mf::convolution<mf::cpu<float>, 4, 8, mf::window_config{.kernel = {3, 3}}>;

using image = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<channels>>;

void convolve(const layer& f, const mf::tensor<mf::cpu<float>, image>& x) {
  (void)f(x);
}
