// expect: axis_of<.*tokens_axis.*, multifuse::width_axis>
#include <multifuse/tensor/shape.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using video = mf::shape<mf::batch<>, mf::width<3>>;
#else
using video = mf::shape<mf::batch<>, mf::tokens<3>>;
#endif

constexpr mf::isize width = video::static_extent<mf::width_axis>();
