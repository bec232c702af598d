// expect: extent_mismatch<sound, multifuse::width_axis, 4, 6>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <string_view>

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize width = 4;
#else
constexpr mf::isize width = 6;
#endif

using dev = mf::cpu<float>;
using model = mf::fusion_model<mf::streams<sight, sound>, mf::stage<2, mf::unimodal<mf::transformer_block<dev, 4, 2>>>,
                               mf::readout<mf::mean_of_class_tokens, mf::linear<dev, 4, 3>>>;
using tokens = mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>>;
using others = mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>, mf::width<width>>>;

auto infer(const model& m, const tokens& a, const others& b) { return m(a, b); }
