#include "measure.hpp"

namespace fusion_benchmark {
namespace {
template <class Size> struct strategy { using type = mf::stage<1, mf::shared<block<Size>>>; };
const bool entered = enter_all<strategy>("shared");
}  // namespace
}  // namespace fusion_benchmark
