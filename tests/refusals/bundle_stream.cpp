// expect: stream_of<touch, multifuse::streams<sight, sound>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/bundle.hpp>
#include <string_view>

namespace mf = multifuse;

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
struct touch { static constexpr std::string_view name = "touch"; };
#ifdef MULTIFUSE_REFUSAL_FIXED
using wanted = sound;
#else
using wanted = touch;
#endif

using tokens = mf::tensor<mf::cpu<float>, mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>>;

auto pick(const tokens& a, const tokens& b) { return mf::get<wanted>(mf::bundle_of<sight, sound>(a, b)); }
