// goldens: sft_pool
#include <golden/sft_pool.hpp>

#include "sft_support.hpp"

namespace {

using namespace multifuse;
using C = golden::sft_pool::config;
using golden_sft::D;
using channels_first = shape<batch<>, width<C::dim>, tokens<>>;

auto tokens_first(const auto& x) { return permute<batch_axis, tokens_axis, width_axis>(x); }
auto width_first(const auto& x) { return permute<batch_axis, width_axis, tokens_axis>(x); }

tensor<D, channels_first> input(golden::file& file, const std::string& name) {
  return file.tensor<D>(name, channels_first(C::batch, file.contents().at(name).shape[2]));
}

/// One pooling of the attention weights' file, forward and backward. Scores are what a token receives on average.
template <const std::string_view& Name, bool Weighted> void check_pooling(golden::file& file) {
  const std::string name(Name);
  static_assert(C::stride == C::kernel, "windows stand side by side");
  constexpr token_pooling_config config{golden_sft::kind_of(Name), C::kernel, C::padding, C::k, C::kmedoids_iters};
  const token_pooling<config> pool{};
  tape tape;
  using all = shape<batch<>, tokens<C::n_tokens>, width<C::dim>>;
  const auto x = watch(tape, tokens_first(file.tensor<D>("input.x", shape<batch<>, width<C::dim>, tokens<C::n_tokens>>(C::batch))));
  static_assert(std::is_same_v<all, std::remove_cvref_t<decltype(x.dims())>>);
  const auto w = watch(tape, file.tensor<D>("input.w", shape<batch<>, queries<C::n_tokens>, tokens<C::n_tokens>>(C::batch)));
  const auto y = [&] {
    if constexpr (config.uses_scores())
      return pool(x, mean<queries_axis>(w));
    else
      return pool(x);
  }();
  file.expect("output." + name, width_first(plain_tensor(y)), golden::output_tolerance);
  const auto upstream = tokens_first(input(file, "input.upstream." + name));
  using result = std::remove_cvref_t<decltype(y.dims())>;
  backward(y, upstream.reshaped(result(y.dims())));
  file.expect("grad." + name + ".input.x", width_first(x.gradient()), golden::gradient_tolerance);
  if (Weighted) file.expect("grad." + name + ".input.w", w.gradient(), golden::gradient_tolerance);
}

constexpr std::string_view max_name = "max", avg_name = "avg", topk_name = "topk", attn_name = "attn",
                           attn_topk_name = "attn_topk", medoids_name = "attn_wkmedoids";

/// Which token of its window each result is, as the file says.
struct given_offset {
  const float* offsets;
  isize operator()(isize i) const { return isize(offsets[i]); }
};

}  // namespace

TEST_CASE("poolings and their gradients") {
  golden::file file(golden::sft_pool::path);
  check_pooling<max_name, false>(file);
  check_pooling<avg_name, false>(file);
  check_pooling<topk_name, false>(file);
  check_pooling<attn_name, true>(file);
  check_pooling<attn_topk_name, false>(file);
  check_pooling<medoids_name, false>(file);

  const auto x = slice<tokens_axis>(tokens_first(input(file, "input.x")), 0, C::strided_random_tokens);
  const auto offsets = file.values("input.strided_random.idx");
  const shape<batch<>, tokens<>> windows(C::batch, file.contents().at("input.strided_random.idx").shape[1]);
  const auto places = strided_places(windows, given_offset{offsets.data()}, x);
  file.expect("output.strided_random", width_first(gather<tokens_axis>(x, places)), golden::output_tolerance);
  file.require_all_used();
}
