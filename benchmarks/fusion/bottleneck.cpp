#include "measure.hpp"

namespace fusion_benchmark {

struct bottleneck_strategy {
  template <class Size> using stage = mf::stage<1, mf::bottleneck_fusion<block<Size>, 4>>;
};
static const bool entered = enter_all<bottleneck_strategy>("bottleneck");

}  // namespace fusion_benchmark
