// expect: all parameters of a model live on one device
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/members.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using other = mf::cpu<float>;
#else
using other = mf::cpu<double>;
#endif

struct model {
  mf::parameter<mf::cpu<float>, mf::width<8>> first;
  mf::parameter<other, mf::width<8>> second;
  constexpr void members(auto&& visit) { visit("first", first), visit("second", second); }
};

auto prepare(model& m) { return mf::arrange<mf::cpu<float>>(m).values; }
