// goldens: sft
#include <golden/sft.hpp>

#include "sft_support.hpp"

namespace {

using C = golden::sft::config;

void check_pattern(golden::file& file, const std::string& name, std::ptrdiff_t tokens) {
  const multifuse::block_sparse_pattern pattern{C::sparse_stride, C::sparse_expressivity};
  const std::string full = "output_sparse.allowed_" + name;
  const auto allowed = file.contents().at(full).bytes;
  file.set_aside(full, "compared here, as truth values");
  REQUIRE(std::ptrdiff_t(allowed.size()) == tokens * tokens);
  int wrong = 0;
  for (std::ptrdiff_t i = 0; i < tokens * tokens; ++i)
    wrong += pattern.allows(i / tokens, i % tokens) != (allowed[std::size_t(i)] != std::byte(0));
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("the block-sparse pattern, which the released code never applies, applied") {
  golden::file file(golden::sft::path);
  check_pattern(file, "rgb", C::seq[0] + 1);
  check_pattern(file, "spec", C::seq[1] + 1);
  check_pattern(file, "text", C::seq[2] + 1);
  golden_sft::setting<C, true> net(file);
  const auto logits = net.model(net.rgb, net.spec, net.text);
  file.expect("output_sparse.logits", logits, golden::output_tolerance);
  const auto loss = multifuse::cross_entropy(logits, golden_sft::labels_of<C>(file));
  file.expect("loss_sparse.ce", loss, golden::loss_tolerance);
  multifuse::backward(loss);
  net.expect_input_gradients("grad_sparse.");
  for (const char* const group : {"output.", "loss.", "grad.", "grad_mixup", "input.mixup"})
    file.set_aside(group, "sft.cpp and sft_mixup.cpp check the released behavior");
  file.require_all_used();
}
