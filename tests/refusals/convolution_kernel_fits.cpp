// expect: convolution.*columns_axis.*4.*0
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/convolution.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize columns = 5;
#else
constexpr mf::isize columns = 4;
#endif

using layer = mf::convolution<mf::cpu<float>, 2, 3, mf::window_config{.kernel = {3, 5}}>;

using image = mf::shape<mf::batch<>, mf::rows<>, mf::columns<columns>, mf::channels<2>>;

void convolve(const layer& f, const mf::tensor<mf::cpu<float>, image>& x) {
  (void)f(x);
}
