#include "../described/dropout.hpp"

namespace test_ops_dropout {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using mf::isize;

TEST_CASE("dropout: gradients, precision, determinism") { check::described<described::dropout_example>(); }
TEST_CASE("stochastic depth: gradients, precision, determinism") { check::described<described::drop_path_example>(); }

namespace {
using samples = mf::shape<mf::samples<>>;
using batch = mf::shape<mf::batch<>, mf::width<3>>;
template <class S> mf::tensor<dev, S> ones(const S& shape) { return mf::tensor<dev, S>(shape).fill(1); }
}  // namespace

TEST_CASE("dropout keeps the share that it says, scaled, and its mask is the documented sequence") {
  const double rate = 0.25;
  const isize n = 40001;
  const mf::random_stream stream{42};
  mf::tape tape({true, {5, 6}});
  const auto x = mf::watch(tape, ones(samples(n)));
  const auto first = mf::dropout(x, rate, stream);
  const auto second = mf::dropout(x, rate, stream);
  const auto other = mf::dropout(x, rate, mf::random_stream{43});
  const auto values = first.value().to_host();
  isize kept = 0;
  bool documented = true;
  const auto key = mf::random_key{5, 6}.split(42).split(0);
  for (isize i = 0; i < n; ++i) {
    kept += values[std::size_t(i)] != 0;
    documented = documented && values[std::size_t(i)] == (mf::uniform(key, i) >= rate ? float(1 / (1 - rate)) : 0.0f);
  }
  CHECK(documented);
  CHECK(double(kept) / double(n) == doctest::Approx(1 - rate).epsilon(0.015));  // four standard deviations
  CHECK(second.value().to_host() != values);
  CHECK(other.value().to_host() != values);
  mf::backward(first, ones(samples(n)));
  CHECK(x.gradient().to_host() == values);

  mf::tape again({true, {5, 6}});  // in another order of evaluation
  const auto y = mf::record(again, ones(samples(n)));
  CHECK(mf::dropout(y, rate, mf::random_stream{43}).value().to_host() == other.value().to_host());
  CHECK(mf::dropout(y, rate, stream).value().to_host() == values);
  CHECK(mf::dropout(y, rate, stream).value().to_host() == second.value().to_host());
}

TEST_CASE("dropout and stochastic depth are the identity outside of training") {
  const auto x = ones(batch(2));
  CHECK(mf::dropout(x, 0.5, {1}).data() == x.data());
  CHECK(mf::drop_path(x, 0.5, {1}, mf::rescale::yes).data() == x.data());
  mf::tape tape({false, {5, 6}});
  const auto v = mf::watch(tape, x);
  CHECK(mf::dropout(v, 0.5, {1}).value().data() == x.data());
  CHECK(mf::evaluate(mf::drop_path(v, 0.5, {1}, mf::rescale::yes)).value().to_host() == x.to_host());
  mf::tape training({true, {5, 6}});
  CHECK(mf::dropout(mf::record(training, x), 0, {1}).value().data() == x.data());
  constexpr auto flops = [] {
    mf::operation_count count;
    const mf::tensor<mf::meta, mf::shape<mf::batch<2>, mf::width<3>>> s({}, &count);
    mf::dropout(s, 0.5, {1});
    mf::drop_path(s, 0.5, {1}, mf::rescale::no);
    return count.forward_flops + count.activation_bytes;
  }();
  static_assert(flops == 0);
}

TEST_CASE("stochastic depth drops whole items with its rate") {
  const isize n = 20000;
  for (const auto scaling : {mf::rescale::no, mf::rescale::yes}) {
    mf::tape tape({true, {5, 7}});
    const auto x = mf::record(tape, ones(batch(n)));
    const auto values = mf::evaluate(mf::drop_path(x, 0.2, {9}, scaling)).value().to_host();
    const float kept = scaling == mf::rescale::yes ? 1.25f : 1.0f;
    isize dropped = 0;
    bool whole = true;
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
      dropped += values[3 * i] == 0;
      whole = whole && (values[3 * i] == 0 || values[3 * i] == kept) && values[3 * i] == values[3 * i + 1] &&
              values[3 * i] == values[3 * i + 2];
    }
    CHECK(whole);
    CHECK(double(dropped) / double(n) == doctest::Approx(0.2).epsilon(0.06));  // four standard deviations
  }
}

TEST_CASE("stochastic depth with a given pattern") {
  const std::vector<float> pattern{0, 1, 0.5f};
  const mf::tensor<dev, mf::shape<mf::batch<3>>> factors({}, pattern);
  CHECK(mf::evaluate(mf::drop_path(ones(batch(3)), factors)).to_host() ==
        std::vector<float>{0, 0, 0, 1, 1, 1, 0.5f, 0.5f, 0.5f});
}

TEST_CASE("rates outside [0, 1) are refused") {
  const auto x = ones(batch(2));
  CHECK_THROWS_WITH_AS(mf::dropout(x, 1, {1}), "dropout: unusable rate; expected a number in [0, 1); got 1.000000",
                       mf::argument_error);
  CHECK_THROWS_AS(mf::dropout(x, -0.1, {1}), mf::argument_error);
  CHECK_THROWS_AS(mf::dropout(x, std::nan(""), {1}), mf::argument_error);
  CHECK_THROWS_AS(mf::drop_path(x, 1.5, {1}, mf::rescale::no), mf::argument_error);
}

}  // namespace test_ops_dropout
