// The smallest useful program: one block, inference.
#include <cstdio>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/transformer_block.hpp>
namespace mf = multifuse;

int main() {
  using dev = mf::cpu<float>;
  mf::transformer_block<dev, 64, 4> block;
  mf::initialize(block, 1);
  std::printf("%g\n", double(block(mf::zeros<dev>(mf::shape<mf::batch<1>, mf::tokens<8>, mf::width<64>>{})).to_host()[0]));
}
