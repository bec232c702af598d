// expect: parameters and buffers have static extents
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/members.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using features = mf::width<8>;
#else
using features = mf::width<>;
#endif

struct scale {
  mf::parameter<mf::cpu<float>, features> factor{mf::init::ones()};
  constexpr void members(auto&& visit) { visit("factor", factor); }
};

void prepare(scale& layer) { mf::initialize(layer, 1); }
