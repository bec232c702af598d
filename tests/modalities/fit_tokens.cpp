#include "multifuse/modalities/fit_tokens.hpp"

#include <doctest/doctest.h>

namespace test_modalities_fit_tokens {

namespace mf = multifuse;
using values = std::vector<float>;
using how = mf::token_fitting;

TEST_CASE("resampled rows") {
  const values x{1, 10, 2, 20, 3, 30, 4, 40, 5, 50};  // [5, 2]
  using kind = mf::row_resampling;
  CHECK(mf::resample_rows(x, 2, 2, kind::nearest) == values{1, 10, 3, 30});
  CHECK(mf::resample_rows(x, 2, 5, kind::nearest) == x);
  CHECK(mf::resample_rows(values{1, 2}, 1, 5, kind::nearest) == values{1, 1, 1, 2, 2});
  CHECK(mf::resample_rows(x, 2, 2, kind::largest) == values{3, 30, 5, 50});
  CHECK(mf::resample_rows(x, 2, 2, kind::mean) == values{2, 20, 4, 40});
  CHECK(mf::resample_rows(values{1, 2}, 1, 3, kind::mean) == values{1, 1.5f, 2});
  CHECK(mf::largest_of_windows(values{3, 1, 2, 7, 9}, 1, 2) == values{3, 7});
  CHECK_THROWS_AS(mf::resample_rows(x, 3, 2, kind::mean), mf::argument_error);
  CHECK_THROWS_AS(mf::resample_rows(x, 2, 0, kind::mean), mf::argument_error);
  CHECK_THROWS_AS(mf::resample_rows({}, 2, 1, kind::mean), mf::argument_error);
  CHECK_THROWS_AS(mf::largest_of_windows(x, 2, 6), mf::argument_error);
}

TEST_CASE("fitted tokens: short sequences are padded, long ones cut or resampled") {
  const values x{1, 5, 3, 4, 2, 6, 9};
  const auto shorter = mf::fit_tokens(x, 1, 2, 4, how::mean);
  CHECK(shorter.values == values{1, 5, 3, 4});  // what is behind the valid rows stays
  CHECK(shorter.kept == values{1, 1, 0, 0});
  CHECK(mf::fit_tokens(values{1, 5}, 1, 2, 4, how::windows).values == values{1, 5, 0, 0});
  const auto fit = [&](how fitting) { return mf::fit_tokens(x, 1, 6, 2, fitting); };
  CHECK(fit(how::clip).values == values{1, 5});
  CHECK(fit(how::nearest).values == values{1, 4});
  CHECK(fit(how::largest).values == values{5, 6});
  CHECK(fit(how::mean).values == values{3, 4});
  CHECK(mf::fit_tokens(x, 1, 7, 3, how::windows).values == values{5, 4, 6});
  CHECK(fit(how::mean).kept == values{1, 1});
  CHECK_THROWS_AS(mf::fit_tokens(x, 1, 8, 2, how::clip), mf::argument_error);
  CHECK_THROWS_AS(mf::fit_tokens(x, 2, 1, 2, how::clip), mf::argument_error);
}

TEST_CASE("kinds of features side by side, at the length of the last one, rows of length 1") {
  const mf::timed_features slow{{3, 4, 0, 2}, 2}, fast{{5, -7, 2, 4}, 1};
  const auto all = mf::fit_features({slow, fast}, 5, how::nearest);
  CHECK(all.values == values{0.6f, 0.8f, 1, 0.6f, 0.8f, -1, 0, 1, 1, 0, 1, 1, 0, 0, 0});
  CHECK(all.kept == values{1, 1, 1, 1, 0});
  CHECK(mf::fit_features({slow, fast}, 2, how::clip).values == values{0.6f, 0.8f, 1, 0.6f, 0.8f, -1});
  CHECK(mf::fit_features({slow, fast}, 2, how::nearest).values == values{0.6f, 0.8f, 1, 0, 1, 1});
  CHECK(mf::fit_features({slow, fast}, 2, how::windows).values ==
        mf::fit_features({slow, fast}, 2, how::nearest).values);  // too few of the slow ones
  CHECK(mf::fit_features({fast}, 2, how::windows).values == values{1, 1});
  const auto none = mf::fit_features({slow, {{}, 3}}, 2, how::clip);
  CHECK(none.values == values(10, 0.0f));
  CHECK(none.kept == values{0, 0});
  CHECK_THROWS_AS(mf::fit_features({}, 2, how::clip), mf::argument_error);
  CHECK_THROWS_AS(mf::fit_features({fast}, 0, how::clip), mf::argument_error);
  CHECK_THROWS_AS(mf::fit_features({fast}, 2, how::mean), mf::argument_error);
}

}  // namespace test_modalities_fit_tokens
