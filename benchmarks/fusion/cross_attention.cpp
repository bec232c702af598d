#include "measure.hpp"

namespace fusion_benchmark {

struct cross_attention_strategy {
  template <class Size> using stage = mf::stage<1, mf::cross_attention_fusion<block<Size>>>;
};
static const bool entered = enter_all<cross_attention_strategy>("cross_attention");

}  // namespace fusion_benchmark
