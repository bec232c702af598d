// What the timing program measures, for elements of any type; see time_blocks.cu.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <multifuse/backend/cuda/cuda.hpp>
#include <multifuse/cost/cost.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/ops/convolution.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/ops/softmax.hpp>
#include <string>
#include <type_traits>
#include <vector>

namespace timing {

namespace mf = multifuse;
using mf::isize;
using samples = mf::shape<mf::samples<>>;
template <isize Width> using token_shape = mf::shape<mf::batch<>, mf::tokens<>, mf::width<Width>>;

struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };

inline double seconds_per_line = 1;
inline bool all_agree = true;

/// All lines in bf16, in a source of their own: two compilers can work at the same time.
void print_bf16();

/// Two events around work on the library's stream.
class stopwatch {
 public:
  stopwatch() {
    mf::detail::check_cuda(cudaEventCreate(&begin_), "cudaEventCreate");
    mf::detail::check_cuda(cudaEventCreate(&end_), "cudaEventCreate");
  }
  stopwatch(const stopwatch&) = delete;
  stopwatch& operator=(const stopwatch&) = delete;
  ~stopwatch() {
    (void)cudaEventDestroy(begin_);
    (void)cudaEventDestroy(end_);
  }

  template <class Work> double milliseconds(Work& work) {
    mf::detail::check_cuda(cudaEventRecord(begin_, mf::current_stream()), "cudaEventRecord");
    work();
    mf::detail::check_cuda(cudaEventRecord(end_, mf::current_stream()), "cudaEventRecord");
    mf::detail::check_cuda(cudaEventSynchronize(end_), "cudaEventSynchronize");
    float elapsed = 0;
    mf::detail::check_cuda(cudaEventElapsedTime(&elapsed, begin_, end_), "cudaEventElapsedTime");
    return double(elapsed);
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Median time of a piece of work in milliseconds, after three runs that are not counted.
template <class Work> double median(Work work) {
  stopwatch watch;
  for (int i = 0; i < 3; ++i) (void)watch.milliseconds(work);
  std::vector<double> times;
  double total = 0;
  while (times.size() < 10 || (total < 1000 * seconds_per_line && times.size() < 1000)) {
    times.push_back(watch.milliseconds(work));
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + std::ptrdiff_t(times.size() / 2), times.end());
  return times[times.size() / 2];
}

template <class T, class S> mf::tensor<mf::cuda<T>, S> random_tensor(const S& shape, std::uint64_t seed) {
  std::vector<T> values(static_cast<std::size_t>(shape.size()));
  for (isize i = 0; i < shape.size(); ++i)  // cheap numbers without a pattern
    values[std::size_t(i)] = T(float(mf::random_key{seed, std::uint64_t(i)}.split(1).stream >> 40) * 0x1p-23f - 1.0f);
  return {shape, std::span<const T>(values)};
}

/// The rate of one large product in TFLOP/s, which is printed: the measure of the lines below.
template <class T> double print_product(const char* name) {
  using device = mf::cuda<T>;
  const isize width = 8192;
  const auto a = random_tensor<T>(samples(width * width), 2), b = random_tensor<T>(samples(width * width), 3);
  const mf::tensor<device, samples> c{samples(width * width)};
  const double product = median([&] {
    device::multiply(1, width, width, width, 1, {a.data(), width, 0}, {b.data(), width, 0}, 0, {c.data(), width, 0});
  });
  const double rate = 2e-9 * double(width) * double(width) * double(width) / product;
  std::printf("| product of 8192 x 8192 matrices, %s | %.3f ms | %.0f TFLOP/s |\n", name, product, rate);
  return rate;
}

/// What the memory of this device can do.
template <class T> void print_passes() {
  using device = mf::cuda<T>;
  const isize n = (isize(1) << 30) / isize(sizeof(T));
  const double gigabytes = 1e-9 * 0x1p30;
  const mf::tensor<device, samples> from = random_tensor<T>(samples(n), 1), to{samples(n)};
  const char* const type = std::is_same_v<T, mf::bf16> ? ", bf16" : "";
  const double copied = median([&] { device::copy(to.data(), from.data(), n); });
  std::printf("| copy of 1 GiB%s | %.3f ms | %.0f GB/s read and written |\n", type, copied, 2e3 * gigabytes / copied);
  const double fused = median([&] { (void)mf::evaluate(mf::gelu(from) + from); });
  std::printf("| gelu(x) + x over 1 GiB%s | %.3f ms | %.0f GB/s, %.0f %% of the copy |\n", type, fused,
              2e3 * gigabytes / fused, 100 * copied / fused);
  const double rows = median([&] { device::sum(n / 1024, 1024, 1, from.data(), 0, to.data()); });
  std::printf("| sums of rows of 1024%s | %.3f ms | %.0f GB/s |\n", type, rows, 1e3 * gigabytes / rows);
  const double columns = median([&] { device::sum(1, n / 1024, 1024, from.data(), 0, to.data()); });
  std::printf("| sums of 1024 columns%s | %.3f ms | %.0f GB/s |\n", type, columns, 1e3 * gigabytes / columns);
  using row = mf::shape<mf::batch<>, mf::width<1024>>;
  const mf::tensor<device, row> x(from.owner(), from.data(), row(n / 1024));
  mf::layer_norm<device, 1024> norm;
  mf::initialize(norm, 1);
  const double normed = median([&] { (void)norm(x); });
  std::printf("| layer norm of rows of 1024%s | %.3f ms | %.0f GB/s, %.0f %% of the copy |\n", type, normed,
              2e3 * gigabytes / normed, 100 * copied / normed);
  const double probabilities = median([&] { (void)mf::softmax(x); });
  std::printf("| softmax of rows of 1024%s | %.3f ms | %.0f GB/s, %.0f %% of the copy |\n", type, probabilities,
              2e3 * gigabytes / probabilities, 100 * copied / probabilities);
}

template <class T> bool agree(const std::vector<T>& a, const std::vector<T>& b) {
  return a == b && std::all_of(a.begin(), a.end(), [](T value) { return std::isfinite(float(value)); });
}

/// One line: a model for elements of T called with inputs of these shapes, as inference and as a training step, beside the
/// rate of a large product.
template <class T, class Model, class... S>
void print_model(const char* name, Model& model, double product_rate, const S&... shapes) {
  const mf::model_cost cost = mf::cost_of<Model>(shapes...);
  const auto inputs = mf::make_pack(random_tensor<T>(shapes, std::uint64_t(shapes.size()))...);
  auto& pool = mf::memory_pool<mf::cuda_memory>::instance();
  pool.release_unused();
  pool.reset_peak();
  const auto with_inputs = [&](const auto& use) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return use(mf::get<I>(inputs)...); }(
        std::index_sequence_for<S...>{});
  };
  mf::tape tape;
  const auto pass = [&](const auto&... x) { return mf::evaluate(model(x...)); };
  const auto training_pass = [&](const auto&... x) {
    tape.restart({.training = true});
    mf::clear_gradients(model);
    const auto loss = mf::mean(mf::square(model(mf::record(tape, x)...)));
    mf::backward(loss);
    return loss.value();
  };
  const auto forward = [&] { return with_inputs(pass); };
  const auto training = [&] { (void)with_inputs(training_pass); };
  const bool repeats = agree(forward().to_host(), forward().to_host());
  all_agree = all_agree && repeats;
  training();
  const isize allocations = pool.statistics().system_allocations;
  const double inference = median([&] { (void)forward(); });
  const double step = median(training);
  const isize peak = pool.statistics().peak, allocated = pool.statistics().system_allocations - allocations;

  const auto as_graph = [&](const auto& one_pass) {  // a failure must not cost the other lines
    try {
      return with_inputs([&](const auto&... x) {
        auto fast = mf::capture(one_pass, x...);
        return median([&] { (void)fast(x...); });
      });
    } catch (const mf::error& failure) {
      std::printf("failed as a graph: %s\n", failure.what());
      all_agree = false;
      return double(NAN);
    }
  };
  const double inference_graph = as_graph(pass), step_graph = as_graph(training_pass);
  const auto share = [&](double flops, double milliseconds) { return 1e-7 * flops / milliseconds / product_rate; };
  std::printf("| %s | %.3f | %.3f | %.1f (%.0f %%) | %.3f | %.3f | %.1f (%.0f %%) | %.0f | %td | %s |\n", name, inference,
              inference_graph, 1e-9 * cost.forward_flops / inference_graph, share(cost.forward_flops, inference_graph),
              step, step_graph, 1e-9 * cost.training_flops() / step_graph, share(cost.training_flops(), step_graph),
              1e-6 * double(peak), allocated, repeats ? "yes" : "NO");
  std::fflush(stdout);
  tape.clear();
}

/// A linear layer with bias and function in the product, and the same as a product and a pass after it.
template <class T, class Function> void print_linear(const char* name, isize rows, isize outputs, isize inputs) {
  using device = mf::cuda<T>;
  const auto x = random_tensor<T>(samples(rows * inputs), 1), weight = random_tensor<T>(samples(outputs * inputs), 2);
  const auto bias = random_tensor<T>(samples(outputs), 3), dy = random_tensor<T>(samples(rows * outputs), 4);
  const mf::tensor<device, samples> y{samples(rows * outputs)}, dweight{samples(outputs * inputs)},
      dbias{samples(outputs)};
  const double together = median([&] {
    device::template linear<Function>(rows, outputs, inputs, x.data(), weight.data(), nullptr, bias.data(), y.data());
  });
  const double apart = median([&] {
    device::multiply(1, rows, outputs, inputs, 1, {x.data(), inputs, 0},
                     {weight.data(), inputs, 0, mf::layout::transposed}, 0, {y.data(), outputs, 0});
    device::for_each(rows, outputs, mf::detail::finish_linear_kernel<T, Function>{y.data(), bias.data(), outputs});
  });
  const double gradients = median([&] {
    device::linear_gradients(rows, outputs, inputs, x.data(), dy.data(), 0, dweight.data(), 0, dbias.data());
  });
  const double gradients_apart = median([&] {
    device::multiply(1, outputs, inputs, rows, 1, {dy.data(), outputs, 0, mf::layout::transposed},
                     {x.data(), inputs, 0}, 0, {dweight.data(), inputs, 0});
    device::sum(1, rows, outputs, dy.data(), 0, dbias.data());
  });
  std::printf("| %s | %.3f | %.3f | %.3f | %.3f |\n", name, together, apart, gradients, gradients_apart);
  std::fflush(stdout);
}

/// Gelu by tanh in training: inside the products and in passes after them.
template <class T> void print_kept(const char* name, isize rows, isize outputs, isize inputs) {
  using device = mf::cuda<T>;
  using gelu = mf::functions::gelu_tanh;
  const auto x = random_tensor<T>(samples(rows * inputs), 1), weight = random_tensor<T>(samples(outputs * inputs), 2);
  const auto bias = random_tensor<T>(samples(outputs), 3);
  const mf::tensor<device, samples> arguments{samples(rows * outputs)}, y{samples(rows * outputs)};
  const double together = median([&] {
    device::template linear_keeping<gelu>(rows, outputs, inputs, x.data(), weight.data(), bias.data(), arguments.data(),
                                          y.data());
  });
  const double apart = median([&] {
    device::template linear<void>(rows, outputs, inputs, x.data(), weight.data(), nullptr, bias.data(), arguments.data());
    device::for_each(rows, outputs, mf::detail::function_kernel<T, gelu>{arguments.data(), y.data(), outputs});
  });
  const double through = median([&] {
    device::template linear_through<gelu>(rows, inputs, outputs, x.data(), weight.data(), arguments.data(), y.data());
  });
  const double through_apart = median([&] {
    device::multiply(1, rows, outputs, inputs, 1, {x.data(), inputs, 0}, {weight.data(), outputs, 0}, 0,
                     {y.data(), outputs, 0});
    device::for_each(rows, outputs, mf::detail::function_slope_kernel<T, gelu>{arguments.data(), y.data(), outputs});
  });
  std::printf("| %s | %.3f | %.3f | %.3f | %.3f |\n", name, together, apart, through, through_apart);
  std::fflush(stdout);
}

template <class T> void print_linears() {
  std::puts("\n| linear layer | together ms | product and pass ms | gradients together ms | product and sum ms |");
  std::puts("|---|---|---|---|---|");
  print_linear<T, void>("12552 x 768 from 768, bias", 12552, 768, 768);
  print_linear<T, mf::functions::gelu_tanh>("12552 x 3072 from 768, bias and gelu by tanh", 12552, 3072, 768);
  print_linear<T, mf::functions::gelu>("12552 x 3072 from 768, bias and gelu", 12552, 3072, 768);
  print_linear<T, void>("98 x 192 from 192, bias", 98, 192, 192);
  std::puts("\n| gelu by tanh in training | together ms | product and pass ms | gradient together ms | product and pass ms |");
  std::puts("|---|---|---|---|---|");
  print_kept<T>("12552 x 3072 from 768", 12552, 3072, 768);
}

/// The GPU as it is where windows of convolutions are unfolded for cuBLASLt.
template <class T> struct unfolding_device : mf::cuda<T> {
  template <class U> using with_scalar = unfolding_device<U>;
  static bool gathers_operands() { return false; }
};

/// Forward and backward pass of a convolution with bias, in milliseconds.
struct convolution_times {
  double forward, backward;
};
template <class D, mf::window_config C, isize Channels> convolution_times time_convolution(const auto& dims) {
  using dims_type = std::remove_cvref_t<decltype(dims)>;
  using weights = mf::shape<mf::outputs<Channels>, mf::tokens<C.taps()>, mf::inputs<Channels>>;
  const mf::convolution_op<void, C, 1> operation;
  const auto on_device = [](const auto& shape, std::uint64_t seed) {
    const auto x = random_tensor<typename D::scalar>(shape, seed);
    return mf::tensor<D, std::remove_cvref_t<decltype(shape)>>(x.owner(), x.data(), shape);
  };
  const auto x = on_device(dims, 1), dy = on_device(dims, 2);  // windows of odd extents, padded: as many as elements
  const auto weight = on_device(weights(), 3);
  const auto bias = on_device(mf::shape<mf::outputs<Channels>>(), 4);
  const mf::tensor<D, dims_type> y(dims);
  const double forward = median([&] { operation.forward(y, x, weight, bias); });
  const double backward = median([&] {
    mf::gradient_slot<D> of_x, of_weight;
    operation.backward(dy, y, x, weight, mf::gradient_sink<D, dims_type>(&of_x, dims),
                       mf::gradient_sink<D, weights>(&of_weight, weights()));
  });
  return {forward, backward};
}

/// One line: windows read where they are, unless products are rounded to TF32, and unfolded for cuBLASLt.
template <class T, mf::window_config C, isize Channels> void print_convolution(const char* name, const auto& dims) {
  convolution_times gathered{NAN, NAN};
  if (mf::cuda<T>::gathers_operands()) gathered = time_convolution<mf::cuda<T>, C, Channels>(dims);
  const auto unfolded = time_convolution<unfolding_device<T>, C, Channels>(dims);
  const double flops = 2e-9 * double(dims.size()) * double(C.taps() * Channels);
  std::printf("| %s | %.3f | %.1f | %.3f | %.1f | %.3f | %.3f |\n", name, gathered.forward, flops / gathered.forward,
              gathered.backward, 2 * flops / gathered.backward, unfolded.forward, unfolded.backward);
  std::fflush(stdout);
}

template <class T> void print_convolutions() {
  std::puts("\n| convolution | forward ms | TFLOP/s | backward ms | TFLOP/s | forward unfolded ms | backward unfolded ms |");
  std::puts("|---|---|---|---|---|---|---|");
  constexpr mf::window_config square{.kernel = {3, 3}, .padding = {1, 1}};
  constexpr mf::window_config cube{.kernel = {3, 3, 3}, .padding = {1, 1, 1}};
  using images = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<64>>;
  using clips = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<64>>;
  print_convolution<T, square, 64>("64 channels, 3 x 3, 32 x 56 x 56", images(32, 56, 56));
  print_convolution<T, square, 64>("64 channels, 3 x 3, 1 x 56 x 56", images(1, 56, 56));
  print_convolution<T, cube, 64>("64 channels, 3 x 3 x 3, 8 x 8 x 56 x 56", clips(8, 8, 56, 56));
}

template <class T, isize Layers, isize Width, isize Heads>
using bottleneck = mf::fusion_model<
    mf::streams<video, audio>, mf::stage<Layers, mf::bottleneck_fusion<mf::transformer_block<mf::cuda<T>, Width, Heads>, 4>>,
    mf::readout<mf::mean_of_tokens, mf::linear<mf::cuda<T>, Width, 10>>>;

template <class T> void print_models(double product_rate) {
  std::puts(
      "\n| layer or model | forward ms | as a graph ms | TFLOP/s (of the product) | training step ms | as a graph ms | "
      "TFLOP/s (of the product) | peak MB | allocations while timed | two runs agree |");
  std::puts("|---|---|---|---|---|---|---|---|---|---|");
  using block = mf::transformer_block<mf::cuda<T>, 768, 12>;
  using small_block = mf::transformer_block<mf::cuda<T>, 192, 3>;
  using base = bottleneck<T, 12, 768, 12>;
  using small = bottleneck<T, 8, 192, 3>;
  const auto wide = [](isize batch, isize count) { return token_shape<768>(batch, count); };
  const auto narrow = [](isize batch, isize count) { return token_shape<192>(batch, count); };
  const auto with = [&]<class Model>(Model model, const auto& print) {
    mf::initialize(model, 1);
    print([&](const char* name, const auto&... shapes) { print_model<T>(name, model, product_rate, shapes...); });
  };
  with(block(), [&](const auto& print) {
    print("block 768, 8 x 401 tokens", wide(8, 401));
    print("block 768, 8 x 1569 tokens", wide(8, 1569));
    print("block 768, 1 x 1569 tokens", wide(1, 1569));
  });
  with(small_block(), [&](const auto& print) { print("block 192, 1 x 98 tokens", narrow(1, 98)); });
  with(base(), [&](const auto& print) {
    print("bottleneck base, 32 x (197 + 401) tokens", wide(32, 197), wide(32, 401));
    print("bottleneck base, 1 x (197 + 401) tokens", wide(1, 197), wide(1, 401));
    print("bottleneck base, 1 x (1569 + 401) tokens", wide(1, 1569), wide(1, 401));
    if constexpr (std::is_same_v<T, mf::bf16>)  // in float32 it would take too long
      print("bottleneck base, 32 x (1569 + 401) tokens", wide(32, 1569), wide(32, 401));
    mf::allow_concurrent_streams(true);
    print("the same of 1 x (197 + 401), streams at the same time", wide(1, 197), wide(1, 401));
    mf::allow_concurrent_streams(false);
  });
  with(small(), [&](const auto& print) {
    print("bottleneck small, 32 x (99 + 51) tokens", narrow(32, 99), narrow(32, 51));
    print("bottleneck small, 1 x (99 + 51) tokens", narrow(1, 99), narrow(1, 51));
    mf::allow_concurrent_streams(true);
    print("the same of 1 x (99 + 51), streams at the same time", narrow(1, 99), narrow(1, 51));
    mf::allow_concurrent_streams(false);
  });
}

}  // namespace timing
