#include "time_blocks.hpp"

void timing::print_bf16() {
  std::puts("\nbf16\n\n| what the device reaches | median | rate |\n|---|---|---|");
  print_passes<mf::bf16>();
  print_models<mf::bf16>(print_product<mf::bf16>("bf16"));
  print_linears<mf::bf16>();
  print_convolutions<mf::bf16>();
}
