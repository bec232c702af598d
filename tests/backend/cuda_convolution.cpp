// Convolutions by tiles of the CUDA backend, without a GPU: their blocks run on the host, thread by thread.
#include "../support/convolution_cases.hpp"
#include "../support/emulated_blocks.hpp"

namespace test_backend_cuda_convolution {

using namespace check::convolution;
using device = check::emulated_gpu<float>;

TEST_CASE("convolution by tiles: a channel, few positions and many, divided among blocks") {
  constexpr window_config windows{.kernel = {3, 3}, .padding = {1, 1}};
  device::processors = 1;
  check_convolution<device, 1, 3, windows>(2, 9, 8);
  check_convolution<device, 1, 3, windows>(3, 1, 2);
  device::processors = 40;
  check_convolution<device, 1, 3, windows>(5, 15, 13);
}

TEST_CASE("convolution by tiles: vectors of channels, padding wider than the windows") {
  constexpr window_config windows{.kernel = {3, 2}, .padding = {4, 0}};
  for (const isize processors : {1, 40}) {
    device::processors = processors;
    check_convolution<device, 16, 72, windows>(3, 5, 6);
  }
}

TEST_CASE("convolution by tiles: strides whose rest some elements have with no tap") {
  constexpr window_config windows{.kernel = {3}, .stride = {2}, .padding = {4}, .dilation = {2}};
  device::processors = 1;
  check_convolution<device, 36, 132, windows>(3, 11);
  device::processors = 20;
  check_convolution<device, 36, 132, windows>(2, 70);
}

TEST_CASE("convolution by tiles: three axes, groups") {
  constexpr window_config windows{.kernel = {2, 2, 3}, .stride = {1, 2, 3}, .padding = {1, 0, 1}, .dilation = {1, 3, 2}};
  device::processors = 1;
  check_convolution<device, 6, 4, windows, 2>(2, 3, 7, 6);
}

}  // namespace test_backend_cuda_convolution
