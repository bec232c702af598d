// expect: extent_mismatch<multifuse::functions::add, multifuse::tokens_axis, 5, 6>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/embedding.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize places = 5;
#else
constexpr mf::isize places = 6;
#endif

using dev = mf::cpu<float>;

auto embed(const mf::learned_positions<dev, places, 8>& positions,
           const mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<5>, mf::width<8>>>& x) {
  return positions(x);
}
