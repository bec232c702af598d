#include "measure.hpp"

namespace fusion_benchmark {

struct unimodal_strategy {
  template <class Size> using stage = mf::stage<1, mf::unimodal<block<Size>>>;
};
static const bool entered = enter_all<unimodal_strategy>("unimodal");

}  // namespace fusion_benchmark
