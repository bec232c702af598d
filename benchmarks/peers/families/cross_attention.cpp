#include "../measured_model.hpp"

namespace peers {

struct cross_attention_family {
  template <class Size> struct network {
    using type = network_of<Size, mf::stage<Size::apart, mf::unimodal<block<Size>>>,
                            mf::stage<Size::layers - Size::apart, mf::cross_attention_fusion<block<Size>>>>;
  };
};
static const bool entered = enter<cross_attention_family>("cross_attention");

}  // namespace peers
