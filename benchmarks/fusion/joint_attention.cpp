#include "measure.hpp"

namespace fusion_benchmark {
namespace {
template <class Size> struct strategy { using type = mf::stage<1, mf::joint_attention<block<Size>>>; };
const bool entered = enter_all<strategy>("joint_attention");
}  // namespace
}  // namespace fusion_benchmark
