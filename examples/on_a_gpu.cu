// A transformer block on an NVIDIA GPU: its launches become one, and copies run while the host goes on.
#include <cstdio>
#include <multifuse/cuda.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <span>
#include <vector>

namespace mf = multifuse;
using dev = mf::cuda<float>;

int main() try {
  using tokens = mf::shape<mf::batch<>, mf::tokens<>, mf::width<192>>;
  mf::transformer_block<dev, 192, 3> block;
  mf::initialize(block, 1);
  const std::vector<float> frames(99 * 192);
  const auto x = mf::upload(tokens(1, 99), std::span<const float>(frames));
  auto fast = mf::capture(block, x);                             // recorded now, and again for other extents
  const auto features = mf::download(fast(x));
  const std::span<const float> elements = features.elements();  // waits
  std::printf("%zu features, the first is %g\n", elements.size(), double(elements[0]));
} catch (const mf::error& problem) {
  std::fprintf(stderr, "%s\n", problem.what());
  return 1;
}
