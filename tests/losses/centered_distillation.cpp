#include "../described/alignment_losses.hpp"

namespace test_losses_centered_distillation {

namespace mf = multifuse;
using dev = mf::cpu<double>;

TEST_CASE("centered distillation: gradients, precision, determinism") {
  check::described<described::centered_distillation_example>();
}

namespace {
using outputs = mf::tensor<dev, mf::shape<mf::batch<>, mf::width<2>>>;
outputs of(const std::vector<double>& values) { return {outputs::shape_type(mf::isize(values.size()) / 2), values}; }
}  // namespace

TEST_CASE("every view of the student imitates the centered teacher") {
  mf::centered_distillation<dev, 2> loss;
  mf::initialize(loss, 1);
  loss.center.value().data()[0] = 1, loss.center.value().data()[1] = -1;
  const auto student = of({0, 1, 2, 0, -1, 1, 0, 0}), teacher = of({3, 0, 1, 1});
  double expected = 0;
  for (int row = 0; row < 4; ++row) {  // two views of two items
    const double* const t = teacher.data() + 2 * (row % 2);
    const double p = 1 / (1 + std::exp(((t[1] + 1) - (t[0] - 1)) / 0.5));
    const double gap = (student.data()[2 * row + 1] - student.data()[2 * row]) / 0.2;
    expected += (p * std::log(1 + std::exp(gap)) + (1 - p) * std::log(1 + std::exp(-gap))) / 4;
  }
  CHECK(loss(student, teacher, {0.2, 0.5}).to_host()[0] == doctest::Approx(expected));
  loss.momentum = 0.75;
  loss.update(teacher);
  CHECK(loss.center.value().to_host() == std::vector<double>{0.75 * 1 + 0.25 * 2, 0.75 * -1 + 0.25 * 0.5});
}

TEST_CASE("distillation refuses views that do not fit and temperatures that are not positive") {
  mf::centered_distillation<dev, 2> loss;
  mf::initialize(loss, 1);
  CHECK_THROWS_AS(loss(of({0, 1, 2, 3, 4, 5}), of({0, 1, 2, 3})), mf::shape_error);
  CHECK_THROWS_AS(loss(of({0, 1}), of({0, 1}), {0, 1}), mf::argument_error);
  CHECK_THROWS_AS(loss(of({0, 1}), of({0, 1}), {1, -1}), mf::argument_error);
}

}  // namespace test_losses_centered_distillation
