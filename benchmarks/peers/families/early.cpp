#include "../measured_model.hpp"

namespace peers {

struct early_family {
  template <class Size> struct network {
    using type = network_of<Size, mf::stage<Size::layers, mf::joint_attention<block<Size>>>>;
  };
};
static const bool entered = enter<early_family>("early");

}  // namespace peers
