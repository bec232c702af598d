// What the CUDA backend does beyond the primitives, on a GPU: products with epilogues, captured passes, copies in the
// background, streams at the same time.
#include <doctest/doctest.h>

#include <cmath>
#include <multifuse/backend/cuda/staging.hpp>
#include <multifuse/core/random.hpp>
#include <multifuse/fusion/stage.hpp>
#include <multifuse/layers/mlp.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/ops/reduce.hpp>
#include <string>
#include <vector>

namespace {

namespace mf = multifuse;
using mf::isize;
using device = mf::cuda<float>;
using numbers = mf::shape<mf::samples<>>;

template <class T> std::vector<T> drawn(std::uint64_t stream, isize n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (isize i = 0; i < n; ++i) x[std::size_t(i)] = T(mf::normal({7, stream}, i));
  return x;
}
template <class T> mf::tensor<mf::cuda<T>, numbers> on_device(const std::vector<T>& x) {
  return {numbers(isize(x.size())), x};
}

template <class Function> double applied(double x) {
  if constexpr (std::is_void_v<Function>)
    return x;
  else
    return Function::value(x);
}

template <class T>
void check_close(const std::string& what, const std::vector<T>& found, const std::vector<double>& expected,
                 double tolerance) {
  double worst = 0, size = 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double off = std::abs(double(found[i]) - expected[i]);
    worst = off <= worst ? worst : off;  // NaN wins
    size = std::max(size, std::abs(expected[i]));
  }
  INFO(what);
  CHECK(worst <= tolerance * size);
}

/// A linear layer and its gradients against their definition.
template <class T, class Function> void check_linear(isize rows, isize outputs, isize inputs, double tolerance) {
  using D = mf::cuda<T>;
  const auto x = drawn<T>(1, rows * inputs), weight = drawn<T>(2, outputs * inputs), bias = drawn<T>(3, outputs),
             dy = drawn<T>(4, rows * outputs);
  const auto device_x = on_device(x), device_weight = on_device(weight), device_bias = on_device(bias),
             device_dy = on_device(dy), y = on_device(std::vector<T>(dy.size(), T(NAN)));
  const std::string what = std::to_string(rows) + " x " + std::to_string(outputs) + " x " + std::to_string(inputs);
  for (const bool with_bias : {true, false}) {
    std::vector<double> expected(dy.size());
    for (isize r = 0; r < rows; ++r)
      for (isize o = 0; o < outputs; ++o) {
        double sum = with_bias ? double(bias[std::size_t(o)]) : 0.0;
        for (isize i = 0; i < inputs; ++i)
          sum += double(x[std::size_t(r * inputs + i)]) * double(weight[std::size_t(o * inputs + i)]);
        expected[std::size_t(r * outputs + o)] = applied<Function>(sum);
      }
    D::template linear<Function>(rows, outputs, inputs, device_x.data(), device_weight.data(), nullptr,
                                 with_bias ? device_bias.data() : nullptr, y.data());
    check_close("linear " + what, y.to_host(), expected, tolerance);
  }
  for (const mf::compute_type<T> beta : {0, 1}) {
    const auto dweight = on_device(std::vector<T>(weight.size(), beta == 0 ? T(NAN) : T(2)));
    const auto dbias = on_device(std::vector<T>(bias.size(), beta == 0 ? T(NAN) : T(2)));
    std::vector<double> expected_weight(weight.size(), 2 * double(beta)), expected_bias(bias.size(), 2 * double(beta));
    for (isize r = 0; r < rows; ++r)
      for (isize o = 0; o < outputs; ++o) {
        const double slope = double(dy[std::size_t(r * outputs + o)]);
        expected_bias[std::size_t(o)] += slope;
        for (isize i = 0; i < inputs; ++i)
          expected_weight[std::size_t(o * inputs + i)] += slope * double(x[std::size_t(r * inputs + i)]);
      }
    D::linear_gradients(rows, outputs, inputs, device_x.data(), device_dy.data(), beta, dweight.data(), beta,
                        dbias.data());
    check_close("gradient of the weight " + what, dweight.to_host(), expected_weight, tolerance);
    check_close("gradient of the bias " + what, dbias.to_host(), expected_bias, tolerance);
  }
}

struct eye { static constexpr std::string_view name = "eye"; };
struct ear { static constexpr std::string_view name = "ear"; };

/// A layer whose function is kept for the backward pass, and the gradient through the function, against their
/// definition.
template <class T, class Function> void check_kept(isize rows, isize outputs, isize inputs, double tolerance) {
  using D = mf::cuda<T>;
  const auto x = drawn<T>(1, rows * inputs), weight = drawn<T>(2, outputs * inputs), bias = drawn<T>(3, outputs),
             dy = drawn<T>(4, rows * inputs), back = drawn<T>(5, inputs * outputs);
  const auto device_x = on_device(x), device_weight = on_device(weight), device_bias = on_device(bias),
             device_dy = on_device(dy), device_back = on_device(back);
  const std::vector<T> nothing(std::size_t(rows * outputs), T(NAN));
  const auto arguments = on_device(nothing), y = on_device(nothing), gradient = on_device(nothing);
  D::template linear_keeping<Function>(rows, outputs, inputs, device_x.data(), device_weight.data(),
                                       device_bias.data(), arguments.data(), y.data());
  D::template linear_through<Function>(rows, inputs, outputs, device_dy.data(), device_back.data(), arguments.data(),
                                       gradient.data());
  std::vector<double> sums, values, slopes;
  for (isize r = 0; r < rows; ++r)
    for (isize o = 0; o < outputs; ++o) {
      double sum = double(bias[std::size_t(o)]), through = 0;
      for (isize i = 0; i < inputs; ++i) {
        sum += double(x[std::size_t(r * inputs + i)]) * double(weight[std::size_t(o * inputs + i)]);
        through += double(dy[std::size_t(r * inputs + i)]) * double(back[std::size_t(i * outputs + o)]);
      }
      sums.push_back(sum);
      values.push_back(Function::value(sum));
      slopes.push_back(through * Function::slopes(sum).slope[0]);
    }
  const std::string what = std::to_string(rows) + " x " + std::to_string(outputs) + " x " + std::to_string(inputs);
  check_close("arguments " + what, arguments.to_host(), sums, tolerance);
  check_close("function " + what, y.to_host(), values, tolerance);
  check_close("gradient through the function " + what, gradient.to_host(), slopes, tolerance);
}

using block = mf::transformer_block<device, 32, 4>;
using tokens = mf::shape<mf::batch<>, mf::tokens<>, mf::width<32>>;

mf::tensor<device, tokens> some_tokens(isize count, std::uint64_t stream) {
  return {tokens(2, count), drawn<float>(stream, 2 * count * 32)};
}

/// A training step by hand: gradients of the mean square, and what they are is visible in the model.
template <class Model> struct training_step {
  Model& model;
  mf::tape& tape;
  auto operator()(const mf::tensor<device, tokens>& x) const {
    tape.restart({.training = true});
    mf::clear_gradients(model);
    const auto loss = mf::mean(mf::square(model(mf::record(tape, x))));
    mf::backward(loss);
    return loss.value();
  }
};

template <class Model> std::vector<float> gradients_of(Model& model) {
  std::vector<float> found;
  mf::for_each_member(model, [&](auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>)
      for (const float each : leaf.gradient().to_host()) found.push_back(each);
  });
  return found;
}

}  // namespace

TEST_CASE("linear layers on a GPU, with bias and function inside the product or after it") {
  for (const auto& [rows, outputs, inputs] :
       {std::array<isize, 3>{1, 1, 1}, {3, 5, 7}, {64, 32, 48}, {197, 96, 33}, {401, 768, 192}}) {
    check_linear<float, void>(rows, outputs, inputs, 2e-6);
    check_linear<float, mf::functions::relu>(rows, outputs, inputs, 2e-6);
    check_linear<float, mf::functions::gelu_tanh>(rows, outputs, inputs, 4e-6);
    // If cuBLASLt's tanh turns out to be rougher than that, epilogue_function must not name it.
    check_kept<float, mf::functions::gelu_tanh>(rows, outputs, inputs, 4e-6);
    check_linear<float, mf::functions::gelu>(rows, outputs, inputs, 4e-6);
    check_linear<mf::bf16, void>(rows, outputs, inputs, 1e-2);
    check_linear<mf::bf16, mf::functions::relu>(rows, outputs, inputs, 1e-2);
    check_linear<mf::bf16, mf::functions::gelu_tanh>(rows, outputs, inputs, 1e-2);
    check_linear<mf::bf16, mf::functions::gelu>(rows, outputs, inputs, 1e-2);
  }
  check_linear<double, void>(13, 10, 12, 1e-13);
  check_linear<double, mf::functions::gelu_tanh>(13, 10, 12, 1e-13);
  check_kept<double, mf::functions::gelu_tanh>(13, 10, 12, 1e-13);
}

TEST_CASE("sums on a GPU, of few long rows and columns as of many short ones, added to others or not") {
  for (const auto& [outer, reduced, inner] :
       {std::array<isize, 3>{1, 1, 1}, {1, 300001, 1}, {7, 17000, 1}, {3000, 5, 1}, {1, 12551, 96}, {3, 5000, 5},
        {9, 2, 400}})
    for (const float beta : {0.0f, 2.0f}) {
      const auto x = drawn<float>(1, outer * reduced * inner);
      std::vector<double> expected(std::size_t(outer * inner), beta == 0 ? 0.0 : double(beta) * 3);
      for (isize i = 0; i < outer * reduced * inner; ++i)
        expected[std::size_t(i / (reduced * inner) * inner + i % inner)] += double(x[std::size_t(i)]);
      const auto device_x = on_device(x);
      std::vector<float> first;
      for (int round = 0; round < 2; ++round) {
        const auto y = on_device(std::vector<float>(expected.size(), beta == 0 ? NAN : 3.0f));
        device::sum(outer, reduced, inner, device_x.data(), beta, y.data());
        const auto found = y.to_host();
        check_close("sum " + std::to_string(outer) + " x " + std::to_string(reduced) + " x " + std::to_string(inner),
                    found, expected, 1e-5);
        if (round == 0) first = found;
        CHECK(found == first);
      }
    }
}

TEST_CASE("a captured model gives the same bits as the model, for other inputs, extents and weights") {
  block model;
  mf::initialize(model, 1);
  const auto first = some_tokens(9, 1), second = some_tokens(9, 2), longer = some_tokens(70, 3);
  auto fast = mf::capture(model, first);
  for (int round = 0; round < 3; ++round)
    for (const auto* x : {&first, &second}) CHECK(fast(*x).to_host() == mf::evaluate(model(*x)).to_host());
  CHECK(fast.recordings() == 1);
  CHECK(fast(longer).to_host() == mf::evaluate(model(longer)).to_host());
  CHECK(fast(first).to_host() == mf::evaluate(model(first)).to_host());
  CHECK(fast.recordings() == 3);
  mf::initialize(model, 2);  // in place
  CHECK(fast(first).to_host() == mf::evaluate(model(first)).to_host());
  CHECK(fast.recordings() == 3);
}

TEST_CASE("other work between two replays does not touch their memory") {
  block model;
  mf::initialize(model, 1);
  const auto x = some_tokens(9, 1);
  auto fast = mf::capture(model, x);
  const auto expected = fast(x).to_host();
  std::vector<mf::tensor<device, numbers>> others;
  for (isize size = 16; size < 100000; size = size * 5 / 4)
    others.push_back(mf::tensor<device, numbers>(numbers(size)).fill(NAN));
  CHECK(fast(x).to_host() == expected);
  CHECK(fast(x).to_host() == expected);
  for (const auto& each : others) {
    const auto values = each.to_host();
    CHECK(std::all_of(values.begin(), values.end(), [](float value) { return std::isnan(value); }));
  }
}

TEST_CASE("a captured training step gives the same loss and gradients as the step") {
  block model;
  mf::initialize(model, 1);
  mf::tape plain_tape, captured_tape;
  const training_step<block> plain{model, plain_tape}, step{model, captured_tape};
  auto fast = mf::capture(step, some_tokens(9, 1));
  for (std::uint64_t stream = 1; stream < 4; ++stream) {
    const auto x = some_tokens(9, stream);
    const auto loss = plain(x).to_host();
    const auto expected = gradients_of(model);
    CHECK(fast(x).to_host() == loss);
    CHECK(gradients_of(model) == expected);
  }
  CHECK(fast.recordings() == 1);
  plain_tape.clear();
  captured_tape.clear();
}

TEST_CASE("streams of a model at the same time give the same bits, as single launches and as a graph") {
  using list = mf::streams<eye, ear>;
  mf::stage<3, mf::bottleneck_fusion<block, 4>>::over<list> model;
  mf::initialize(model, 1);
  mf::tape tape;
  const auto pass = [&](const auto& x, const auto& y) {
    const auto seen = model(mf::bundle_of<eye, ear>(x, y));
    return mf::evaluate(mf::mean(mf::square(mf::get<eye>(seen))) + mf::mean(mf::square(mf::get<ear>(seen))));
  };
  const auto step = [&](const auto& x, const auto& y) {
    tape.restart({.training = true});
    mf::clear_gradients(model);
    const auto loss = pass(mf::record(tape, x), mf::record(tape, y));
    mf::backward(loss);
    return loss.value();
  };
  const auto x = some_tokens(197, 1), y = some_tokens(60, 2);
  const auto expected = pass(x, y).to_host();
  const auto trained = step(x, y).to_host();
  const auto gradients = gradients_of(model);
  auto fast = mf::capture(pass, x, y);
  auto fast_step = mf::capture(step, x, y);
  (void)fast(x, y);
  mf::allow_concurrent_streams(true);
  for (int round = 0; round < 3; ++round) {
    CHECK(pass(x, y).to_host() == expected);
    CHECK(fast(x, y).to_host() == expected);
    CHECK(step(x, y).to_host() == trained);
    CHECK(gradients_of(model) == gradients);
    CHECK(fast_step(x, y).to_host() == trained);
    CHECK(gradients_of(model) == gradients);
  }
  mf::allow_concurrent_streams(false);
  CHECK(fast.recordings() == 2);
  CHECK(fast_step.recordings() == 1);
  tape.clear();
}

TEST_CASE("a pass that looks at values cannot be captured, and does no harm") {
  const auto looking = [](const mf::tensor<device, tokens>& x) {
    (void)x.to_host();
    return x;
  };
  const auto x = some_tokens(3, 1);
  auto fast = mf::capture(looking, x);
  CHECK_THROWS_AS((void)fast(x), mf::cuda_error);
  CHECK_FALSE(device::recording());
  CHECK(x.clone().to_host() == x.to_host());
}

TEST_CASE("copies in the background bring the elements, however many are under way") {
  std::vector<mf::arriving<float>> found;
  std::vector<std::vector<float>> expected;
  for (isize n = 1; n < 300000; n = n * 3 + 1) {
    auto values = drawn<float>(std::uint64_t(n), n);
    expected.push_back(values);
    const auto x = mf::upload(numbers(n), std::span<const float>(values));
    std::fill(values.begin(), values.end(), NAN);  // they may be changed at once
    found.push_back(mf::download(x.clone()));
    (void)mf::download(x);  // nobody waits for this one
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto elements = found[i].elements();
    CHECK(std::vector<float>(elements.begin(), elements.end()) == expected[i]);
    CHECK(found[i].ready());
  }
}
