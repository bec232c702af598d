// How the cost of fusion grows, counted by the meta device: exact, where a measurement could only suggest it.
#include <doctest/doctest.h>

#include <cmath>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/latent_adapter.hpp>
#include <multifuse/fusion/stage.hpp>
#include <multifuse/layers/transformer_block.hpp>

namespace test_fusion_cost_growth {

namespace mf = multifuse;
using mf::isize;

namespace {

constexpr isize wide = 64;
using block = mf::transformer_block<mf::cpu<float>, wide, 2>;
using tokens_of = mf::shape<mf::batch<>, mf::tokens<>, mf::width<wide>>;
template <std::size_t> struct modality { static constexpr std::string_view name = "modality"; };

using late = mf::stage<2, mf::unimodal<block>>;
using bottleneck = mf::stage<2, mf::bottleneck_fusion<block, 4>>;
using latent = mf::stage<2, mf::latent_adapter<block>>;
using joint = mf::stage<2, mf::joint_attention<block>>;
using cross = mf::stage<2, mf::cross_attention_fusion<block>>;

/// FLOPs of two layers over streams of these lengths.
template <class Stage, std::same_as<isize>... N> double flops(N... lengths) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    using list = mf::streams<modality<I>...>;
    mf::operation_count count;
    const typename Stage::template over<list> layers{};
    layers(mf::bundle_of<modality<I>...>(mf::tensor<mf::meta, tokens_of>(tokens_of(1, lengths), &count)...));
    return count.forward_flops;
  }(std::index_sequence_for<N...>{});
}

/// What two longer streams cost beyond what each of them costs alone: 0 unless tokens of different streams meet.
template <class Stage> double meeting() {
  const isize a = 100, b = 300, more = 64;
  return flops<Stage>(a + more, b + more) - flops<Stage>(a + more, b) - flops<Stage>(a, b + more) + flops<Stage>(a, b);
}

/// What the step from three to four streams costs beyond the step from two to three.
template <class Stage> double growth_with_modalities() {
  const isize n = 128;
  return (flops<Stage>(n, n, n, n) - flops<Stage>(n, n, n)) - (flops<Stage>(n, n, n) - flops<Stage>(n, n));
}

/// d log(FLOPs) / d log(tokens) where attention dominates.
template <class Stage> double exponent(isize tokens) {
  return std::log2(flops<Stage>(2 * tokens, 2 * tokens) / flops<Stage>(tokens, tokens));
}

}  // namespace

TEST_CASE("late and bottleneck fusion are linear in the number of modalities, joint and cross-attention are not") {
  CHECK(growth_with_modalities<late>() == 0);
  CHECK(growth_with_modalities<bottleneck>() == 0);
  CHECK(growth_with_modalities<joint>() > 0.1 * flops<joint>(isize(128)));
  CHECK(growth_with_modalities<cross>() > 0.1 * flops<cross>(isize(128)));
  const isize n = 128;
  CHECK(flops<bottleneck>(n, n, n, n, n, n) - flops<bottleneck>(n, n, n, n) ==
        2 * (flops<bottleneck>(n, n, n, n) - flops<bottleneck>(n, n, n)));
}

TEST_CASE("tokens of different streams meet only where all attend to all") {
  CHECK(meeting<late>() == 0);
  CHECK(meeting<bottleneck>() == 0);
  CHECK(meeting<latent>() == 0);
  CHECK(meeting<joint>() > 0);
  CHECK(meeting<cross>() > 0);
}

TEST_CASE("within a stream the cost is a quadratic function of its tokens; what latent adapters add is linear") {
  const auto third_difference = [](const auto& f) {
    return f(isize(4)) - 3 * f(isize(3)) + 3 * f(isize(2)) - f(isize(1));
  };
  CHECK(third_difference([](isize n) { return flops<bottleneck>(64 * n, isize(50)); }) == 0);
  const auto added = [](isize n) { return flops<latent>(64 * n, isize(50)) - flops<late>(64 * n, isize(50)); };
  CHECK(added(1) > 0);
  CHECK(added(3) - added(2) == added(2) - added(1));
  CHECK(exponent<late>(64) < 1.2);
  for (const double steep : {exponent<late>(16384), exponent<bottleneck>(16384), exponent<joint>(16384)}) {
    CHECK(steep > 1.9);
    CHECK(steep < 2);
  }
}

}  // namespace test_fusion_cost_growth
