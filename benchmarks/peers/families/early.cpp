#include "../measured_model.hpp"

namespace peers {

struct early_family {
  template <class D, class Size> struct network {
    using type = network_of<D, Size, mf::stage<Size::layers, mf::joint_attention<block<D, Size>>>>;
  };
};
static const bool entered = enter<early_family>("early");

}  // namespace peers
