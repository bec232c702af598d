// Times transformer blocks and bottleneck fusion on a GPU, forward and with the backward pass, as single launches and as
// one graph, and attention, linear layers and convolutions alone, beside what the same device reaches in a plain copy and
// in one large product: in float32, TF32 and bf16. Medians over at least ten runs, by the device's clock.
//   time_blocks [seconds for each line, default 1]
#include <cub/device/device_reduce.cuh>

#include "time_blocks.hpp"

namespace {

using namespace timing;
using device = mf::cuda<float>;

/// The sum of all elements by cub::DeviceReduce.
void sum_by_cub(const float* from, isize n, float* to) {
  std::size_t bytes = 0;
  mf::detail::check_cuda(cub::DeviceReduce::Sum(nullptr, bytes, from, to, n, mf::current_stream()), "DeviceReduce");
  const mf::storage<mf::cuda_memory> workspace(bytes);
  mf::detail::check_cuda(cub::DeviceReduce::Sum(workspace.address(), bytes, from, to, n, mf::current_stream()),
                         "DeviceReduce");
}

/// Few long sums, which are divided among blocks.
void print_long_sums() {
  const isize n = isize(1) << 28;
  const mf::tensor<device, samples> from = random_tensor<float>(samples(n), 1), to{samples(1024)};
  const double all = median([&] { device::sum(1, n, 1, from.data(), 0, to.data()); });
  std::printf("| sum of all | %.3f ms | %.0f GB/s |\n", all, 4e-6 * double(n) / all);
  const double by_cub = median([&] { sum_by_cub(from.data(), n, to.data()); });
  std::printf("| sum of all by CUB | %.3f ms | %.0f GB/s |\n", by_cub, 4e-6 * double(n) / by_cub);
  const double few = median([&] { device::sum(1, 12552, 768, from.data(), 0, to.data()); });
  std::printf("| sums of 768 columns of 12552 | %.3f ms | %.0f GB/s |\n", few, 4e-6 * 12552 * 768 / few);
}

/// Attention alone, beside its two forward products through a matrix of scores in memory, without softmax.
void print_attention(const char* name, isize items, isize heads, isize queries, isize keys, isize head) {
  const isize width = heads * head, query_elements = items * queries * width, key_elements = items * keys * width;
  const auto q = random_tensor<float>(samples(query_elements), 1), dy = random_tensor<float>(samples(query_elements), 4);
  const auto k = random_tensor<float>(samples(key_elements), 2), v = random_tensor<float>(samples(key_elements), 3);
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
    std::printf("%s, %d multiprocessors, %.0f GB\n", properties.name, properties.multiProcessorCount,
                1e-9 * double(properties.totalGlobalMem));
    for (const bool rounded : {false, true}) {
      const char* const name = rounded ? "TF32" : "float32";
      mf::allow_tf32(rounded);
      std::printf("\n%s products\n\n| what the device reaches | median | rate |\n|---|---|---|\n", name);
      if (!rounded) print_passes<float>(), print_long_sums();
      print_models<float>(print_product<float>(name));
      print_linears<float>();
      print_convolutions<float>();
    }
    mf::allow_tf32(false);
    print_bf16();
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
