#include "measure.hpp"

namespace fusion_benchmark {

struct shared_strategy {
  template <class Size> using stage = mf::stage<1, mf::shared<block<Size>>>;
};
static const bool entered = enter_all<shared_strategy>("shared");

}  // namespace fusion_benchmark
