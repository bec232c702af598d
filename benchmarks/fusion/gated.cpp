#include <multifuse/fusion/gated.hpp>

#include "measure.hpp"

namespace fusion_benchmark {

struct gated_strategy {
  template <class Size> using stage = mf::gated<dev, Size::width>;
};
static const bool entered = enter_all<gated_strategy>("gated");

}  // namespace fusion_benchmark
