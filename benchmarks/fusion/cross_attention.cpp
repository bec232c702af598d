#include "measure.hpp"

namespace fusion_benchmark {
namespace {
template <class Size> struct strategy { using type = mf::stage<1, mf::cross_attention_fusion<block<Size>>>; };
const bool entered = enter_all<strategy>("cross_attention");
}  // namespace
}  // namespace fusion_benchmark
