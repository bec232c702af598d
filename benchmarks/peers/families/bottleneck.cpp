#include "../measured_model.hpp"

namespace peers {

struct bottleneck_family {
  template <class D, class Size> struct network {
    using type = network_of<D, Size, mf::stage<Size::apart, mf::unimodal<block<D, Size>>>,
                            mf::stage<Size::layers - Size::apart, mf::bottleneck_fusion<block<D, Size>, 4>>>;
  };
};
static const bool entered = enter<bottleneck_family>("bottleneck");

}  // namespace peers
