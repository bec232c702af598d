#include "../measured_model.hpp"

namespace peers {

struct late_family {
  template <class D, class Size> struct network {
    using type = network_of<D, Size, mf::stage<Size::layers, mf::unimodal<block<D, Size>>>>;
  };
};
static const bool entered = enter<late_family>("late");

}  // namespace peers
