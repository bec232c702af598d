// Convolutions by tiles of sums of elements; see cuda_convolution_bf16.cpp for those of tensor cores.
#include "../support/convolution_cases.hpp"

namespace test_backend_cuda_convolution {

using namespace check::convolution;

TEST_CASE("convolution by tiles: a channel, few positions and many, divided among blocks") {
  constexpr window_config windows{.kernel = {3, 3}, .padding = {1, 1}};
  use_processors(1);
  check_convolution<float, 1, 3, windows>(2, 9, 8);
  check_convolution<float, 1, 3, windows>(3, 1, 2);
  use_processors(40);
  check_convolution<float, 1, 3, windows>(5, 15, 13);
}

TEST_CASE("convolution by tiles: vectors of channels, padding wider than the windows") {
  constexpr window_config windows{.kernel = {3, 2}, .padding = {4, 0}};
  for (const isize processors : {1, 40}) {
    use_processors(processors);
    check_convolution<float, 16, 72, windows>(3, 5, 6);
  }
}

TEST_CASE("convolution by tiles: strides whose rest some elements have with no tap") {
  constexpr window_config windows{.kernel = {3}, .stride = {2}, .padding = {4}, .dilation = {2}};
  use_processors(1);
  check_convolution<float, 36, 132, windows>(3, 11);
  use_processors(20);
  check_convolution<float, 36, 132, windows>(2, 70);
}

TEST_CASE("convolution by tiles: three axes, groups") {
  constexpr window_config windows{.kernel = {2, 2, 3}, .stride = {1, 2, 3}, .padding = {1, 0, 1}, .dilation = {1, 3, 2}};
  use_processors(1);
  check_convolution<float, 6, 4, windows, 2>(2, 3, 7, 6);
}

}  // namespace test_backend_cuda_convolution
