// expect: groups_divide_channels
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/convolution.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize groups = 2;
#else
constexpr mf::isize groups = 3;
#endif

mf::convolution<mf::cpu<float>, 4, 6, mf::window_config{.kernel = {3, 3}}, groups> layer;
