// expect: a shape has at most 2\^56 elements
#include <multifuse/tensor/shape.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize rows = 1;
#else
constexpr mf::isize rows = mf::isize(1) << 40;
#endif

mf::shape<mf::rows<rows>, mf::columns<(mf::isize(1) << 40)>> image;
