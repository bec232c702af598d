#include "../described/missing.hpp"

namespace test_losses_similarity_ranking {

namespace mf = multifuse;
using D = mf::cpu<double>;
using rows = mf::shape<mf::batch<>, mf::width<2>>;

TEST_CASE("losses over similarities: gradients, precision, determinism") {
  check::described<described::similarity_ranking_example>();
}

namespace {
const std::vector<double> a{1, 0, 3, 4, -2, 0.5}, b{0.4, 0.3, 0, 2, 1, -1};
mf::tensor<D, rows> of(const std::vector<double>& values) { return {rows(mf::isize(values.size()) / 2), values}; }
double number(const auto& y) { return y.to_host().at(0); }
double cosine(std::size_t i, std::size_t j) {
  return (a[2 * i] * b[2 * j] + a[2 * i + 1] * b[2 * j + 1]) / std::hypot(a[2 * i], a[2 * i + 1]) /
         std::hypot(b[2 * j], b[2 * j + 1]);
}
}  // namespace

TEST_CASE("losses over similarities are what their definitions say") {
  double soft = 0, margin = 0, ranking = 0;
  const double m = 0.2, temperature = 0.3, wide = 0.4;
  for (std::size_t i = 0; i < 3; ++i) {
    double soft_row = 0, soft_column = 0, margin_row = 0, margin_column = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const double less = i == j ? m : 0;
      soft_row += std::exp(cosine(i, j) / temperature), soft_column += std::exp(cosine(j, i) / temperature);
      margin_row += std::exp(cosine(i, j) - less), margin_column += std::exp(cosine(j, i) - less);
      if (i != j)
        ranking += (std::max(0.0, wide + cosine(i, j) - cosine(i, i)) + std::max(0.0, wide + cosine(j, i) - cosine(i, i))) / 12;
    }
    soft += (std::log(soft_row) + std::log(soft_column) - 2 * cosine(i, i) / temperature) / 3;
    margin += (std::log(margin_row) + std::log(margin_column) - 2 * (cosine(i, i) - m)) / 3;
  }
  CHECK(number(mf::norm_softmax(of(a), of(b), temperature)) == doctest::Approx(soft));
  CHECK(number(mf::margin_softmax(of(a), of(b), m)) == doctest::Approx(margin));
  CHECK(number(mf::max_margin_ranking(of(a), of(b), wide)) == doctest::Approx(ranking));
}

TEST_CASE("losses over similarities refuse what they cannot use") {
  const auto one = of({1, 2}), two = of({1, 2, 3, 4});
  CHECK_THROWS_AS(mf::max_margin_ranking(one, one), mf::argument_error);
  CHECK_THROWS_AS(mf::max_margin_ranking(two, two, -0.1), mf::argument_error);
  CHECK_THROWS_AS(mf::norm_softmax(two, two, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::margin_softmax(two, two, std::nan("")), mf::argument_error);
  CHECK_THROWS_AS(mf::norm_softmax(two, one), mf::shape_error);
}

}  // namespace test_losses_similarity_ranking
