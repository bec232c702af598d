#include <multifuse/fusion/latent_adapter.hpp>

#include "../measured_model.hpp"

namespace peers {

struct latent_adapter_family {
  /// The peers compute the maps of an adapter as two linear layers, the fastest way that they have.
  static constexpr mf::adapter_config adapters{.groups = 1, .batch_norm = false};
  template <class D, class Size> struct network {
    using type = network_of<D, Size, mf::stage<Size::layers, mf::latent_adapter<block<D, Size>, adapters>>>;
  };
};
static const bool entered = enter<latent_adapter_family>("latent_adapter");

}  // namespace peers
