#include "../measured_model.hpp"

namespace peers {

struct cross_attention_family {
  template <class D, class Size> struct network {
    using type = network_of<D, Size, mf::stage<Size::apart, mf::unimodal<block<D, Size>>>,
                            mf::stage<Size::layers - Size::apart, mf::cross_attention_fusion<block<D, Size>>>>;
  };
};
static const bool entered = enter<cross_attention_family>("cross_attention");

}  // namespace peers
