// Times transformer blocks and a bottleneck fusion on a GPU, forward and with the backward pass, as single launches and
// as one graph, and attention and linear layers alone, beside what the same device reaches in a plain copy and in one
// large product. Medians over at least ten runs, by the device's clock.
//   time_blocks [seconds for each line, default 1]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cub/device/device_reduce.cuh>
#include <multifuse/backend/cuda/cuda.hpp>
#include <multifuse/cost/cost.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/ops/reduce.hpp>
#include <string>
#include <vector>

namespace {

namespace mf = multifuse;
using mf::isize;
using device = mf::cuda<float>;
using samples = mf::shape<mf::samples<>>;
template <isize Width> using token_shape = mf::shape<mf::batch<>, mf::tokens<>, mf::width<Width>>;

struct video { static constexpr std::string_view name = "video"; };
struct audio { static constexpr std::string_view name = "audio"; };

double seconds_per_line = 1;
bool all_agree = true;

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

template <class S> mf::tensor<device, S> random_tensor(const S& shape, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(shape.size()));
  for (isize i = 0; i < shape.size(); ++i)  // cheap numbers without a pattern
    values[std::size_t(i)] = float(mf::random_key{seed, std::uint64_t(i)}.split(1).stream >> 40) * 0x1p-23f - 1.0f;
  return {shape, std::span<const float>(values)};
}

/// The sum of all elements by cub::DeviceReduce.
void sum_by_cub(const float* from, isize n, float* to) {
  std::size_t bytes = 0;
  mf::detail::check_cuda(cub::DeviceReduce::Sum(nullptr, bytes, from, to, n, mf::current_stream()), "DeviceReduce");
  const mf::storage<mf::cuda_memory> workspace(bytes);
  mf::detail::check_cuda(cub::DeviceReduce::Sum(workspace.address(), bytes, from, to, n, mf::current_stream()),
                         "DeviceReduce");
}

/// What this device can do: the measure of the lines below.
void print_ceilings() {
  const isize n = isize(1) << 28, width = 8192;
  {
    const mf::tensor<device, samples> from = random_tensor(samples(n), 1), to{samples(n)};
    const double copied = median([&] { device::copy(to.data(), from.data(), n); });
    std::printf("| copy of 1 GiB | %.3f ms | %.0f GB/s read and written |\n", copied, 8e-6 * double(n) / copied);
    const double fused = median([&] { (void)mf::evaluate(mf::gelu(from) + from); });
    std::printf("| gelu(x) + x over 1 GiB | %.3f ms | %.0f GB/s, %.0f %% of the copy |\n", fused, 8e-6 * double(n) / fused,
                100 * copied / fused);
    const double rows = median([&] { device::sum(n / 1024, 1024, 1, from.data(), 0, to.data()); });
    std::printf("| sums of rows of 1024 | %.3f ms | %.0f GB/s |\n", rows, 4e-6 * double(n) / rows);
    const double columns = median([&] { device::sum(1, n / 1024, 1024, from.data(), 0, to.data()); });
    std::printf("| sums of 1024 columns | %.3f ms | %.0f GB/s |\n", columns, 4e-6 * double(n) / columns);
    const double all = median([&] { device::sum(1, n, 1, from.data(), 0, to.data()); });
    std::printf("| sum of all | %.3f ms | %.0f GB/s |\n", all, 4e-6 * double(n) / all);
    const double few = median([&] { device::sum(1, 12552, 768, from.data(), 0, to.data()); });
    std::printf("| sums of 768 columns of 12552 | %.3f ms | %.0f GB/s |\n", few, 4e-6 * 12552 * 768 / few);
    const double by_cub = median([&] { sum_by_cub(from.data(), n, to.data()); });
    std::printf("| sum of all by CUB | %.3f ms | %.0f GB/s |\n", by_cub, 4e-6 * double(n) / by_cub);
  }
  const auto a = random_tensor(samples(width * width), 2), b = random_tensor(samples(width * width), 3);
  const mf::tensor<device, samples> c{samples(width * width)};
  for (const bool rounded : {false, true}) {
    mf::allow_tf32(rounded);
    const double product = median([&] {
      device::multiply(1, width, width, width, 1, {a.data(), width, 0}, {b.data(), width, 0}, 0, {c.data(), width, 0});
    });
    std::printf("| product of 8192 x 8192 matrices, %s | %.3f ms | %.0f TFLOP/s |\n", rounded ? "TF32" : "float32", product,
                2e-9 * double(width) * double(width) * double(width) / product);
  }
  mf::allow_tf32(false);
}

bool agree(const std::vector<float>& a, const std::vector<float>& b) {
  return a == b && std::all_of(a.begin(), a.end(), [](float value) { return std::isfinite(value); });
}

/// One line: a model called with inputs of these shapes, as inference and as a training step.
template <class Model, class... S> void print_model(const char* name, const S&... shapes) {
  Model model;
  mf::initialize(model, 1);
  const mf::model_cost cost = mf::cost_of<Model>(shapes...);
  const auto inputs = mf::make_pack(random_tensor(shapes, std::uint64_t(shapes.size()))...);
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
  std::printf("| %s | %.3f | %.1f | %.3f | %.3f | %.1f | %.3f | %.0f | %td | %s |\n", name, inference,
              1e-9 * cost.forward_flops / inference, inference_graph, step, 1e-9 * cost.training_flops() / step,
              step_graph, 1e-6 * double(peak), allocated, repeats ? "yes" : "NO");
  std::fflush(stdout);
  tape.clear();
}

/// Attention alone, beside its two forward products through a matrix of scores in memory, without softmax.
void print_attention(const char* name, isize items, isize heads, isize queries, isize keys, isize head) {
  const isize width = heads * head, query_elements = items * queries * width, key_elements = items * keys * width;
  const auto q = random_tensor(samples(query_elements), 1), dy = random_tensor(samples(query_elements), 4);
  const auto k = random_tensor(samples(key_elements), 2), v = random_tensor(samples(key_elements), 3);
  const mf::tensor<device, samples> y{samples(query_elements)}, normalizers{samples(items * heads * queries)};
  const mf::tensor<device, samples> dq{samples(query_elements)}, dk{samples(key_elements)}, dv{samples(key_elements)};
  for (const auto* each : {&dq, &dk, &dv}) mf::tensor<device, samples>(*each).fill(0);
  const float scale = float(1 / std::sqrt(double(head)));
  const mf::attention_arguments<float> arguments{items,    heads,    queries,  keys, head,    head,   scale,
                                                 q.data(), k.data(), v.data(), {},   nullptr, nullptr};
  const double forward = median([&] { device::attention_forward(arguments, y.data(), normalizers.data()); });
  const double backward = median([&] {
    device::attention_backward(arguments,
                               {y.data(), dy.data(), normalizers.data(), dq.data(), dk.data(), dv.data(), nullptr});
  });
  const mf::tensor<device, samples> scores{samples(heads * queries * keys)};
  const double products = median([&] {
    for (isize item = 0; item < items; ++item) {
      const isize at_query = item * queries * width, at_key = item * keys * width;
      device::multiply(heads, queries, keys, head, scale, {q.data() + at_query, width, head},
                       {k.data() + at_key, width, head, mf::layout::transposed}, 0,
                       {scores.data(), keys, queries * keys});
      device::multiply(heads, queries, head, keys, 1, {scores.data(), keys, queries * keys},
                       {v.data() + at_key, width, head}, 0, {y.data() + at_query, width, head});
    }
  });
  const double flops = 4.0 * double(items * heads) * double(queries) * double(keys) * double(head);
  std::printf("| %s | %.3f | %.1f | %.3f | %.1f | %.3f |\n", name, forward, 1e-9 * flops / forward, backward,
              2.5e-9 * flops / backward, products);
  std::fflush(stdout);
}

void print_attentions() {
  print_attention("8 x 12 heads of 64, 401 queries, 401 keys", 8, 12, 401, 401, 64);
  print_attention("8 x 12 heads of 64, 1569 queries, 1569 keys", 8, 12, 1569, 1569, 64);
  print_attention("1 x 12 heads of 64, 1569 queries, 1569 keys", 1, 12, 1569, 1569, 64);
  print_attention("8 x 6 heads of 128, 1569 queries, 1569 keys", 8, 6, 1569, 1569, 128);
  print_attention("8 x 24 heads of 32, 1569 queries, 1569 keys", 8, 24, 1569, 1569, 32);
  print_attention("8 x 12 heads of 64, 4 queries, 1973 keys", 8, 12, 4, 1973, 64);
  print_attention("1 x 12 heads of 64, 4 queries, 8192 keys", 1, 12, 4, 8192, 64);
  print_attention("8 x 12 heads of 64, 1569 queries, 4 keys", 8, 12, 1569, 4, 64);
}

/// A linear layer with bias and function in the product, and the same as a product and a pass after it.
template <class Function> void print_linear(const char* name, isize rows, isize outputs, isize inputs) {
  const auto x = random_tensor(samples(rows * inputs), 1), weight = random_tensor(samples(outputs * inputs), 2);
  const auto bias = random_tensor(samples(outputs), 3), dy = random_tensor(samples(rows * outputs), 4);
  const mf::tensor<device, samples> y{samples(rows * outputs)}, dweight{samples(outputs * inputs)},
      dbias{samples(outputs)};
  const double together = median([&] {
    device::linear<Function>(rows, outputs, inputs, x.data(), weight.data(), nullptr, bias.data(), y.data());
  });
  const double apart = median([&] {
    device::multiply(1, rows, outputs, inputs, 1, {x.data(), inputs, 0},
                     {weight.data(), inputs, 0, mf::layout::transposed}, 0, {y.data(), outputs, 0});
    device::for_each(rows, outputs, mf::detail::finish_linear_kernel<float, Function>{y.data(), bias.data(), outputs});
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
void print_kept(const char* name, isize rows, isize outputs, isize inputs) {
  using gelu = mf::functions::gelu_tanh;
  const auto x = random_tensor(samples(rows * inputs), 1), weight = random_tensor(samples(outputs * inputs), 2);
  const auto bias = random_tensor(samples(outputs), 3);
  const mf::tensor<device, samples> arguments{samples(rows * outputs)}, y{samples(rows * outputs)};
  const double together = median([&] {
    device::linear_keeping<gelu>(rows, outputs, inputs, x.data(), weight.data(), bias.data(), arguments.data(), y.data());
  });
  const double apart = median([&] {
    device::linear<void>(rows, outputs, inputs, x.data(), weight.data(), nullptr, bias.data(), arguments.data());
    device::for_each(rows, outputs, mf::detail::function_kernel<float, gelu>{arguments.data(), y.data(), outputs});
  });
  const double through = median([&] {
    device::linear_through<gelu>(rows, inputs, outputs, x.data(), weight.data(), arguments.data(), y.data());
  });
  const double through_apart = median([&] {
    device::multiply(1, rows, outputs, inputs, 1, {x.data(), inputs, 0}, {weight.data(), outputs, 0}, 0,
                     {y.data(), outputs, 0});
    device::for_each(rows, outputs, mf::detail::function_slope_kernel<float, gelu>{arguments.data(), y.data(), outputs});
  });
  std::printf("| %s | %.3f | %.3f | %.3f | %.3f |\n", name, together, apart, through, through_apart);
  std::fflush(stdout);
}

void print_linears() {
  print_linear<void>("12552 x 768 from 768, bias", 12552, 768, 768);
  print_linear<mf::functions::gelu_tanh>("12552 x 3072 from 768, bias and gelu by tanh", 12552, 3072, 768);
  print_linear<mf::functions::gelu>("12552 x 3072 from 768, bias and gelu", 12552, 3072, 768);
  print_linear<void>("98 x 192 from 192, bias", 98, 192, 192);
}

template <isize Width, isize Heads>
using fusion = mf::fusion_model<mf::streams<video, audio>,
                                mf::stage<1, mf::bottleneck_fusion<mf::transformer_block<device, Width, Heads>, 4>>,
                                mf::readout<mf::mean_of_tokens, mf::linear<device, Width, 10>>>;

void print_models() {
  using base = mf::transformer_block<device, 768, 12>;
  using small = mf::transformer_block<device, 192, 3>;
  print_model<base>("block 768, 8 x 401 tokens", token_shape<768>(8, 401));
  print_model<base>("block 768, 8 x 1569 tokens", token_shape<768>(8, 1569));
  print_model<base>("block 768, 1 x 1569 tokens", token_shape<768>(1, 1569));
  print_model<small>("block 192, 1 x 98 tokens", token_shape<192>(1, 98));
  print_model<small>("block 192, 8 x 98 tokens", token_shape<192>(8, 98));
  print_model<fusion<768, 12>>("bottleneck 768, 8 x (1569 + 401) tokens", token_shape<768>(8, 1569),
                               token_shape<768>(8, 401));
  print_model<fusion<192, 3>>("bottleneck 192, 1 x (98 + 50) tokens", token_shape<192>(1, 98), token_shape<192>(1, 50));
  mf::allow_concurrent_streams(true);
  print_model<fusion<768, 12>>("the same of 768, streams at the same time", token_shape<768>(8, 1569),
                               token_shape<768>(8, 401));
  print_model<fusion<192, 3>>("the same of 192, streams at the same time", token_shape<192>(1, 98),
                              token_shape<192>(1, 50));
  mf::allow_concurrent_streams(false);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seconds_per_line = std::atof(argv[1]);
  if (mf::cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device answers");
    return 77;
  }
  try {
    cudaDeviceProp properties{};
    mf::detail::check_cuda(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
    std::printf("%s, %d multiprocessors, %.0f GB\n\n", properties.name, properties.multiProcessorCount,
                1e-9 * double(properties.totalGlobalMem));
    std::puts("| what the device reaches | median | rate |\n|---|---|---|");
    print_ceilings();
    for (const bool rounded : {false, true}) {
      mf::allow_tf32(rounded);
      std::printf("\n%s products\n\n", rounded ? "TF32" : "float32");
      std::puts(
          "| layer | forward ms | TFLOP/s | as a graph ms | training step ms | TFLOP/s | as a graph ms | peak MB | "
          "allocations while timed | two runs agree |");
      std::puts("|---|---|---|---|---|---|---|---|---|---|");
      print_models();
      std::puts("\n| linear layer | together ms | product and pass ms | gradients together ms | product and sum ms |");
      std::puts("|---|---|---|---|---|");
      print_linears();
      std::puts("\n| gelu by tanh in training | together ms | product and pass ms | gradient together ms | product and pass ms |");
      std::puts("|---|---|---|---|---|");
      print_kept("12552 x 3072 from 768", 12552, 3072, 768);
    }
    mf::allow_tf32(false);
    std::puts(
        "\n| attention | forward ms | TFLOP/s | backward ms | TFLOP/s of 5 products | forward products alone ms |");
    std::puts("|---|---|---|---|---|---|");
    print_attentions();
  } catch (const mf::error& failure) {
    std::printf("failed: %s\n", failure.what());
    return 1;
  }
  return all_agree ? 0 : 1;
}
