#include <multifuse/fusion/gated.hpp>

#include "measure.hpp"

namespace fusion_benchmark {
namespace {
template <class Size> struct strategy { using type = mf::gated<dev, Size::width>; };
const bool entered = enter_all<strategy>("gated");
}  // namespace
}  // namespace fusion_benchmark
