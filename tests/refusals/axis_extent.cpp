// expect: the extent of an axis is positive or dynamic
#include <multifuse/tensor/shape.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize count = 1;
#else
constexpr mf::isize count = 0;
#endif

mf::shape<mf::batch<>, mf::tokens<count>> no_tokens;
