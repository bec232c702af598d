#include "measure.hpp"

namespace fusion_benchmark {

struct joint_attention_strategy {
  template <class Size> using stage = mf::stage<1, mf::joint_attention<block<Size>>>;
};
static const bool entered = enter_all<joint_attention_strategy>("joint_attention");

}  // namespace fusion_benchmark
