#include "../measured_model.hpp"

namespace peers {

struct late_family {
  template <class Size> struct network {
    using type = network_of<Size, mf::stage<Size::layers, mf::unimodal<block<Size>>>>;
  };
};
static const bool entered = enter<late_family>("late");

}  // namespace peers
