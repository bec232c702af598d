#include <multifuse/train/clip.hpp>

#include <doctest/doctest.h>

#include <limits>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_clip {

namespace mf = multifuse;
using namespace two_sensors;

namespace {

template <class D> struct wide {
  mf::parameter<D, mf::outputs<37>, mf::inputs<101>> weight{mf::init::normal(1)};
  mf::parameter<D, mf::outputs<37>> bias{mf::init::normal(1)};
  void members(auto&& visit) { visit("weight", weight), visit("bias", bias); }
};

template <class D> double plain_norm(const mf::flat_parameters<D>& flat) {
  long double total = 0;
  for (const auto g : flat.gradients.to_host()) total += static_cast<long double>(g) * static_cast<long double>(g);
  return double(std::sqrt(total));
}

}  // namespace

TEST_CASE("the norm is over all gradients, in double") {
  wide<mf::cpu<float>> m;
  mf::initialize(m, 1);
  const auto flat = mf::arrange<mf::cpu<float>>(m);
  CHECK(mf::global_norm(flat) == 0);
  draw_gradients(flat, {3, 4});
  CHECK(std::abs(mf::global_norm(flat) / plain_norm(flat) - 1) < 1e-14);
  flat.gradients.data()[0] = 3e30f;  // its square is no float
  CHECK(std::abs(mf::global_norm(flat) / plain_norm(flat) - 1) < 1e-14);
}

TEST_CASE("gradients beyond the limit are scaled to it, others are left alone") {
  wide<mf::cpu<double>> m;
  mf::initialize(m, 1);
  const auto flat = mf::arrange<mf::cpu<double>>(m);
  draw_gradients(flat, {3, 4});
  const auto before = flat.gradients.to_host();
  const double norm = mf::global_norm(flat);
  CHECK(mf::clip_global_norm(flat, 2 * norm) == norm);
  CHECK(flat.gradients.to_host() == before);
  CHECK(mf::clip_global_norm(flat, 1) == norm);
  CHECK(std::abs(mf::global_norm(flat) - 1) < 1e-14);
  CHECK(flat.gradients.data()[17] == before[17] * (1 / norm));
}

TEST_CASE("each gradient is scaled by its own norm, where the name fits") {
  wide<mf::cpu<double>> m;
  mf::initialize(m, 1);
  const auto flat = mf::arrange<mf::cpu<double>>(m);
  draw_gradients(flat, {3, 4});
  const auto norm_of = [](const auto& parameter) {
    double total = 0;
    for (const double g : parameter.gradient().to_host()) total += g * g;
    return std::sqrt(total);
  };
  const double weight = norm_of(m.weight), bias = norm_of(m.bias);
  REQUIRE(bias < weight);
  CHECK(mf::clip_each_norm(flat, 2 * weight) == 0);
  CHECK(mf::clip_each_norm(flat, 0.5 * (weight + bias)) == 1);
  CHECK(norm_of(m.weight) == doctest::Approx(0.5 * (weight + bias)));
  CHECK(norm_of(m.bias) == bias);
  CHECK(mf::clip_each_norm(flat, 0.1, "bias") == 1);
  CHECK(norm_of(m.weight) == doctest::Approx(0.5 * (weight + bias)));
  CHECK(norm_of(m.bias) == doctest::Approx(0.1));
  CHECK_THROWS_AS(mf::clip_each_norm(flat, 0), mf::argument_error);
  m.weight.gradient().data()[7] = std::nan("");
  CHECK_THROWS_AS(mf::clip_each_norm(flat, 0.01), mf::argument_error);
  CHECK(norm_of(m.bias) == doctest::Approx(0.1));
}

TEST_CASE("what is not finite is refused by name and place") {
  wide<mf::cpu<float>> m;
  mf::initialize(m, 1);
  const auto flat = mf::arrange<mf::cpu<float>>(m);
  draw_gradients(flat, {3, 4});
  const auto refusal = [&](double limit) {
    return message_of<mf::argument_error>([&] { mf::clip_global_norm(flat, limit); });
  };
  for (const double limit : {0.0, -1.0, std::nan("")}) CHECK(mentions(refusal(limit), "unusable limit"));
  CHECK(refusal(1e9).empty());
  m.bias.gradient().data()[5] = std::numeric_limits<float>::infinity();
  CHECK(mentions(refusal(1),
                 "gradient of 'bias': not a finite number; expected finite gradients; got inf at position 5"));
  m.weight.gradient().data()[7] = std::nanf("");
  CHECK(mentions(refusal(1),
                 "gradient of 'weight': not a finite number; expected finite gradients; got nan at position 7"));
}

}  // namespace test_train_clip
