// Times transformer blocks and a bottleneck fusion on a GPU, forward and with the backward pass, beside what the same
// device reaches in a plain copy and in one large product. Medians over at least ten runs, by the device's clock.
//   time_blocks [seconds for each line, default 1]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
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
  const auto call = [&]<std::size_t... I>(auto on_tape, std::index_sequence<I...>) {
    return model(on_tape(mf::get<I>(inputs))...);
  };
  constexpr auto all = std::index_sequence_for<S...>{};
  const auto plain = [](const auto& x) { return x; };
  mf::tape tape;
  const auto forward = [&] { return call(plain, all); };
  const auto training = [&] {
    tape.restart({.training = true});
    mf::clear_gradients(model);
    mf::backward(mf::mean(mf::square(call([&](const auto& x) { return mf::record(tape, x); }, all))));
  };
  const bool repeats = agree(forward().to_host(), forward().to_host());
  all_agree = all_agree && repeats;
  training();
  const isize allocations = pool.statistics().system_allocations;
  const double inference = median([&] { (void)forward(); });
  const double step = median(training);
  std::printf("| %s | %.3f | %.1f | %.3f | %.1f | %.0f | %td | %s |\n", name, inference,
              1e-9 * cost.forward_flops / inference, step, 1e-9 * cost.training_flops() / step,
              1e-6 * double(pool.statistics().peak), pool.statistics().system_allocations - allocations,
              repeats ? "yes" : "NO");
  std::fflush(stdout);
  tape.clear();
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
      std::puts("| layer | forward ms | TFLOP/s | training step ms | TFLOP/s | peak MB | allocations while timed | two runs agree |");
      std::puts("|---|---|---|---|---|---|---|---|");
      print_models();
    }
  } catch (const mf::error& failure) {
    std::printf("failed: %s\n", failure.what());
    return 1;
  }
  return all_agree ? 0 : 1;
}
