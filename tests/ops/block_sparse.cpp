#include <multifuse/ops/block_sparse.hpp>

#include <multifuse/ops/attention.hpp>
#include <set>

#include "../support/check.hpp"

namespace test_ops_block_sparse {

namespace mf = multifuse;
using D = mf::cpu<double>;
using mf::isize;

TEST_CASE("the pattern is windows and summaries") {
  for (const auto& [stride, last, count] : {std::array<isize, 3>{6, 2, 31}, {4, 3, 13}, {5, 1, 10}, {32, 8, 100}}) {
    const mf::block_sparse_pattern pattern{stride, last};
    bool equal = true;
    for (isize i = 0; i < count; ++i) {
      std::set<isize> allowed;
      if (i > 0 && i % stride == 0)
        for (isize j = i - stride; j <= i; ++j) allowed.insert(j);
      else
        for (isize j = i / stride * stride; j <= std::min(count - 1, i / stride * stride + stride); ++j) allowed.insert(j);
      for (isize m = 1; m <= count; ++m)
        for (isize j = m * stride - last; j <= m * stride && j < count; ++j) allowed.insert(j);
      for (isize j = 0; j < count; ++j) equal = equal && pattern.allows(i, j) == allowed.contains(j);
    }
    CHECK(equal);
  }
}

TEST_CASE("as a bias it hides keys from attention") {
  check::source draw(8);
  const auto x = draw.normal<D>(mf::shape<mf::batch<2>, mf::tokens<9>, mf::width<4>>());
  const mf::block_sparse_pattern pattern{4, 1};
  const auto bias = mf::block_sparse_bias<9>(pattern, x);
  static_assert(std::is_same_v<decltype(bias)::shape_type, mf::shape<mf::queries<9>, mf::keys<9>>>);
  const auto y = mf::biased_attention<2>(x, x, x, bias, {});
  auto other = x.clone();
  for (isize c = 0; c < 4; ++c) other.data()[6 * 4 + c] += 1;  // token 6 of the first item
  const auto moved = mf::biased_attention<2>(other, other, other, bias, {});
  for (isize i = 0; i < 9; ++i)
    CHECK((std::abs(y.data()[i * 4] - moved.data()[i * 4]) > 1e-9) == pattern.allows(i, 6));
}

TEST_CASE("unusable patterns are refused") {
  const auto like = mf::zeros<D>(mf::shape<mf::tokens<1>>());
  CHECK_THROWS_WITH_AS(mf::block_sparse_bias<6>({6, 2}, like),
                       "block_sparse_bias: unusable pattern; expected 0 < expressivity < stride < tokens; got "
                       "expressivity 2, stride 6, 6 tokens",
                       mf::argument_error);
  CHECK_THROWS_AS(mf::block_sparse_bias<9>({2, 2}, like), mf::argument_error);
  CHECK_THROWS_AS(mf::block_sparse_bias<9>({2, 0}, like), mf::argument_error);
}

}  // namespace test_ops_block_sparse
