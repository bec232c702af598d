// expect: extent_mismatch<multifuse::linear<.*>, multifuse::width_axis, 4, 8>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/readout.hpp>
#include <string_view>

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize pooled = 8;
#else
constexpr mf::isize pooled = 4;
#endif

using dev = mf::cpu<float>;
using tokens = mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>>;
using streams = mf::bundle<mf::stream<sight, tokens>, mf::stream<sound, tokens>>;

auto infer(const mf::readout<mf::concatenated_means, mf::linear<dev, pooled, 3>>& classify, const streams& b) {
  return classify(b);
}
