// expect: streams_of<multifuse::streams<sight, touch>, multifuse::streams<sight, sound>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <string_view>

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
struct touch { static constexpr std::string_view name = "touch"; };
#ifdef MULTIFUSE_REFUSAL_FIXED
using second = sound;
#else
using second = touch;
#endif

using dev = mf::cpu<float>;
using model = mf::fusion_model<mf::streams<sight, second>, mf::stage<2, mf::unimodal<mf::transformer_block<dev, 4, 2>>>,
                               mf::readout<mf::mean_of_class_tokens, mf::linear<dev, 4, 3>>>;
using tokens = mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>>;

auto infer(const model& m, const tokens& a, const tokens& b) { return m(mf::bundle_of<sight, sound>(a, b)); }
