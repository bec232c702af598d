#include "measure.hpp"

namespace fusion_benchmark {
namespace {
template <class Size> struct strategy { using type = mf::stage<1, mf::bottleneck_fusion<block<Size>, 4>>; };
const bool entered = enter_all<strategy>("bottleneck");
}  // namespace
}  // namespace fusion_benchmark
