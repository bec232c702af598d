#include <multifuse/train/mixup.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <multifuse/backend/cpu/cpu.hpp>

#include "io/scratch_directory.hpp"

namespace test_train_mixup {

namespace mf = multifuse;
using dev = mf::cpu<double>;

namespace {

using clip = mf::shape<mf::batch<>, mf::tokens<3>, mf::width<2>>;

mf::tensor<dev, clip> numbers(mf::isize batch) {
  std::vector<double> values;
  for (mf::isize i = 0; i < batch * 6; ++i) values.push_back(mf::normal({1, 2}, i));
  return {clip(batch), std::span<const double>(values)};
}

void check_formula(const mf::mixup& mix, mf::isize batch) {
  const auto x = numbers(batch), y = mix(x);
  for (mf::isize i = 0; i < batch; ++i)
    for (mf::isize j = 0; j < 6; ++j) {
      const double w = mix.weights()[std::size_t(i)];
      const double other = x.data()[mix.partners()[std::size_t(i)] * 6 + j];
      CHECK(std::abs(y.data()[i * 6 + j] - (w * x.data()[i * 6 + j] + (1 - w) * other)) < 1e-15);
    }
}

}  // namespace

TEST_CASE("the default mixes with the mirrored item, one weight for the batch") {
  const mf::mixup mix({5, 6}, 5);
  CHECK(mix.partners() == std::vector<std::int32_t>{4, 3, 2, 1, 0});
  for (const double w : mix.weights()) {
    CHECK(w == mix.weights()[0]);
    CHECK(w > 0);
    CHECK(w < 1);
  }
  check_formula(mix, 5);
  CHECK(mf::mixup({5, 6}, 5).weights() == mix.weights());
  CHECK(mf::mixup(mf::random_key{5, 6}.split("audio"), 5).weights() !=
        mf::mixup(mf::random_key{5, 6}.split("rgb"), 5).weights());
}

TEST_CASE("weights of items, shuffled partners, mixing with a probability") {
  const mf::mixup mix({5, 6}, 400,
                      {.alpha = 10, .per_item = true, .probability = 0.25, .partner = mf::mixup_partner::shuffled});
  check_formula(mix, 400);
  auto partners = mix.partners();
  std::sort(partners.begin(), partners.end());
  for (int i = 0; i < 400; ++i) CHECK(partners[std::size_t(i)] == i);
  const auto unmixed = std::count(mix.weights().begin(), mix.weights().end(), 1.0);
  CHECK(unmixed > 260);
  CHECK(unmixed < 340);
  double mean = 0, square = 0;
  for (const double w : mix.weights())
    if (w != 1.0) mean += w, square += w * w;
  const double n = double(400 - unmixed);
  CHECK(std::abs(mean / n - 0.5) < 0.05);
  CHECK(std::abs(square / n - mean / n * mean / n - 1.0 / 84) < 0.005);  // the variance of Beta(10, 10)
  const mf::mixup never({5, 6}, 7, {.probability = 0});
  const auto x = numbers(7);
  CHECK(never(x).to_host() == x.to_host());
}

TEST_CASE("given partners and weights; inputs and labels mix alike") {
  const mf::mixup mix({1, 1}, {0.25, 0.5});
  const mf::shape<mf::batch<>, mf::width<2>> labels(2);
  const std::vector<double> one_hot{1, 0, 0, 1};
  CHECK(
      mix(mf::tensor<dev, mf::shape<mf::batch<>, mf::width<2>>>(labels, std::span<const double>(one_hot))).to_host() ==
      std::vector<double>{0.25, 0.75, 0, 1});
  check_formula(mix, 2);
}

TEST_CASE("mixing of what is on a tape is differentiable, also with repeated partners") {
  const mf::mixup mix({1, 1, 0}, {0.25, 0.5, 0.75});
  mf::tape tape;
  const auto x = mf::watch(tape, numbers(3));
  const auto y = mix(x);
  CHECK(y.value().to_host() == mix(numbers(3)).to_host());
  const auto upstream = numbers(3);
  mf::backward(y, upstream);
  const double matrix[3][3] = {{0.25, 0.75, 0}, {0, 1, 0}, {0.25, 0, 0.75}};  // y = matrix x
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 6; ++j) {
      double expected = 0;
      for (int k = 0; k < 3; ++k) expected += matrix[k][i] * upstream.data()[k * 6 + j];
      CHECK(x.gradient().data()[i * 6 + j] == doctest::Approx(expected).epsilon(1e-12));
    }
}

TEST_CASE("modalities have common partners, weights of their own, and a mean for the labels") {
  const mf::mixup_options options{.alpha = 0.3, .per_item = true, .partner = mf::mixup_partner::shuffled};
  const auto each = mf::modality_mixups({5, 6}, 7, 3, options);
  REQUIRE(each.size() == 3);
  CHECK(each[0].partners() == mf::mixup({5, 6}, 7, options).partners());
  CHECK(each[1].partners() == each[0].partners());
  CHECK(each[2].partners() == each[0].partners());
  CHECK(each[1].weights() != each[0].weights());
  CHECK(each[2].weights() != each[1].weights());
  const mf::mixup mean = mf::mean_mixup(each);
  CHECK(mean.partners() == each[0].partners());
  for (std::size_t i = 0; i < 7; ++i)
    CHECK(mean.weights()[i] ==
          doctest::Approx((each[0].weights()[i] + each[1].weights()[i] + each[2].weights()[i]) / 3).epsilon(1e-12));
  CHECK_THROWS_AS(mf::mean_mixup({}), mf::argument_error);
  const std::vector<mf::mixup> other{mf::mixup({0, 1}, {1, 1}), mf::mixup({1, 0}, {1, 1})};
  CHECK_THROWS_AS(mf::mean_mixup(other), mf::argument_error);
}

TEST_CASE("manifold mixup draws a layer, all equally often") {
  double counts[4] = {};
  for (std::uint64_t i = 0; i < 400; ++i) {
    const mf::manifold_mixup mix(mf::random_key{9, i}, 2, 3, 4);
    REQUIRE(mix.each.size() == 3);
    REQUIRE((mix.layer >= 0 && mix.layer < 4));
    counts[mix.layer] += 0.01;
  }
  for (const double share : counts) CHECK(std::abs(share - 1) < 0.3);
  CHECK_THROWS_AS(mf::manifold_mixup({}, 2, 3, 0), mf::argument_error);
}

TEST_CASE("what cannot be mixed is refused") {
  const auto refusal = [](mf::isize batch, mf::mixup_options options) {
    return message_of<mf::argument_error>([&] { mf::mixup mix({}, batch, options); });
  };
  CHECK(mentions(refusal(0, {}), "unusable options"));
  CHECK(mentions(refusal(2, {.alpha = 0}), "unusable options"));
  CHECK(mentions(refusal(2, {.alpha = std::nan("")}), "unusable options"));
  CHECK(mentions(refusal(2, {.probability = 1.5}), "unusable options"));
  const auto given = [](std::vector<std::int32_t> partners, std::vector<double> weights) {
    return message_of<mf::argument_error>([&] { mf::mixup mix(partners, weights); });
  };
  CHECK(mentions(given({0, 2}, {1, 1}), "unusable partners"));
  CHECK(mentions(given({-1}, {1}), "unusable partners"));
  CHECK(mentions(given({0}, {1, 1}), "1 partners, 2 weights"));
  CHECK(mentions(given({}, {}), "unusable partners"));
  const mf::mixup mix({}, 3);
  CHECK(mentions(message_of<mf::shape_error>([&] { mix(numbers(4)); }), "wrong number of items"));
}

}  // namespace test_train_mixup
