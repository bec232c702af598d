// Convolutions on a GPU against their definition; the same kernels run on the host in cuda_convolution.cpp and
// cuda_convolution_bf16.cpp.
#include <multifuse/backend/cuda/cuda.hpp>

#include "../support/convolution_cases.hpp"

using namespace check::convolution;

TEST_CASE_TEMPLATE("convolution on a GPU", T, float, bf16) {
  using device = multifuse::cuda<T>;
  constexpr window_config square{.kernel = {3, 3}, .padding = {1, 1}};
  constexpr window_config spread{.kernel = {3, 2}, .stride = {2, 1}, .padding = {4, 0}, .dilation = {2, 3}};
  constexpr window_config cube{.kernel = {3, 3, 3}, .stride = {1, 2, 2}, .padding = {1, 1, 1}};
  check_convolution<device, 3, 5, square>(2, 17, 19);
  check_convolution<device, 64, 64, square>(3, 14, 14);
  check_convolution<device, 64, 64, square>(1, 7, 7);
  check_convolution<device, 16, 144, spread>(2, 13, 11);
  check_convolution<device, 32, 48, cube, 2>(2, 5, 9, 8);
}
