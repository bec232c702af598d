// expect: a layer with state lists it in .void members[^]*forgetful
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/linear.hpp>

namespace mf = multifuse;

struct forgetful {
  mf::linear<mf::cpu<float>, 4, 4> inner;
#ifdef MULTIFUSE_REFUSAL_FIXED
  constexpr void members(auto&& visit) { visit("inner", inner); }
#endif
};

struct model {
  forgetful part;
  constexpr void members(auto&& visit) { visit("part", part); }
};

void prepare(model& m) { mf::initialize(m, 1); }
