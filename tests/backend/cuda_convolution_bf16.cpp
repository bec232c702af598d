// Convolutions by tiles of tensor cores, without them: their blocks run on the host, thread by thread.
#include "../support/convolution_cases.hpp"
#include "../support/emulated_blocks.hpp"

namespace test_backend_cuda_convolution_bf16 {

using namespace check::convolution;
using device = check::emulated_gpu<bf16>;

TEST_CASE("convolution on tensor cores: three channels") {
  constexpr window_config windows{.kernel = {3, 3}, .stride = {2, 2}, .padding = {2, 2}};
  for (const isize processors : {1, 20}) {
    device::processors = processors;
    check_convolution<device, 3, 8, windows>(2, 7, 9);
  }
}

TEST_CASE("convolution on tensor cores: more results than a tile has") {
  constexpr window_config windows{.kernel = {3, 3}, .padding = {1, 1}};
  device::processors = 1;
  check_convolution<device, 16, 136, windows>(3, 7, 7);
  device::processors = 60;
  check_convolution<device, 16, 136, windows>(1, 13, 11);
}

TEST_CASE("convolution on tensor cores: groups") {
  device::processors = 1;
  check_convolution<device, 16, 80, window_config{.kernel = {3}, .stride = {2}, .padding = {4}, .dilation = {3}}, 2>(2, 9);
}

TEST_CASE("convolution on tensor cores: three axes, other channels than whole vectors after them") {
  constexpr window_config windows{.kernel = {3, 2, 2}, .stride = {2, 1, 1}, .padding = {1, 0, 1}, .dilation = {1, 2, 1}};
  for (const isize processors : {1, 20}) {
    device::processors = processors;
    check_convolution<device, 8, 7, windows>(2, 4, 5, 3);
  }
}

}  // namespace test_backend_cuda_convolution_bf16
