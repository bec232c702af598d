#include <multifuse/fusion/latent_adapter.hpp>

#include "measure.hpp"

namespace fusion_benchmark {

struct latent_adapter_strategy {
  template <class Size> using stage = mf::stage<1, mf::latent_adapter<block<Size>>>;
};
static const bool entered = enter_all<latent_adapter_strategy>("latent_adapter");

}  // namespace fusion_benchmark
