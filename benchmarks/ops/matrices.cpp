#include <multifuse/layers/linear.hpp>
#include <multifuse/ops/attention.hpp>
#include <multifuse/ops/matmul.hpp>

#include "measure.hpp"

namespace op_benchmark {
namespace {

template <isize In> using rows_of = mf::shape<mf::tokens<>, mf::width<In>>;

template <isize In, isize Out> bool enter_linear(std::initializer_list<isize> rows) {
  for (const isize n : rows)
    enter<mf::linear<dev, In, Out>>("linear/" + std::to_string(n) + "x" + std::to_string(In) + "x" + std::to_string(Out),
                                    rows_of<In>(n));
  return true;
}

template <isize Heads> struct attend {
  constexpr auto operator()(const auto& q, const auto& kv) const { return mf::attention<Heads>(q, kv, kv); }
};
struct multiply {
  constexpr auto operator()(const auto& a, const auto& b) const { return mf::matmul<mf::width_axis>(a, b); }
};

template <isize Heads, isize Width> bool enter_attention(isize queries, isize keys) {
  using shape = mf::shape<mf::batch<1>, mf::tokens<>, mf::width<Width>>;
  return enter<attend<Heads>>("attention/heads:" + std::to_string(Heads) + "x" + std::to_string(Width / Heads) +
                                  "/queries:" + std::to_string(queries) + "/keys:" + std::to_string(keys),
                              shape(queries), shape(keys));
}

const bool entered =
    enter_linear<768, 768>({4, 196, 400}) && enter_linear<768, 3072>({4, 196}) && enter_linear<3072, 768>({196}) &&
    enter_linear<768, 2304>({1568}) && enter_linear<192, 576>({104}) && enter_linear<192, 768>({50}) &&
    enter_attention<12, 768>(196, 196) && enter_attention<12, 768>(1568, 1568) && enter_attention<12, 768>(4, 1568) &&
    enter_attention<12, 768>(1568, 4) && enter_attention<3, 192>(150, 150) && enter_attention<8, 256>(512, 512) &&
    enter_attention<4, 512>(512, 512) &&
    enter<multiply>("matmul/8x256x256x256", mf::shape<mf::batch<>, mf::tokens<256>, mf::width<256>>(8),
                    mf::shape<mf::batch<>, mf::width<256>, mf::keys<256>>(8));

}  // namespace
}  // namespace op_benchmark
