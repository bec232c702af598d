// expect: parameters are floating-point numbers
#include <cstdint>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/tape/members.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
using dev = mf::cpu<float>;
#else
using dev = mf::cpu<std::int32_t>;
#endif

struct scale {
  mf::parameter<dev, mf::width<8>> factor{mf::init::ones()};
  constexpr void members(auto&& visit) { visit("factor", factor); }
  auto operator()(const auto& x) const { return mf::evaluate(x * factor); }
};

auto infer(const scale& layer, const mf::tensor<dev, mf::shape<mf::batch<>, mf::width<8>>>& x) { return layer(x); }
