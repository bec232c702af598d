#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/fusion/fusion_model.hpp>
#include <multifuse/fusion/latent_adapter.hpp>
#include <multifuse/fusion/readout.hpp>
#include <multifuse/layers/transformer_block.hpp>

namespace test_fusion_memory {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

namespace {

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
constexpr isize wide = 64;
using block = mf::transformer_block<dev, wide, 2>;
using tokens_of = mf::shape<mf::batch<>, mf::tokens<>, mf::width<wide>>;
template <class... Stages>
using model_of = mf::fusion_model<mf::streams<sight, sound>, Stages...,
                                  mf::readout<mf::mean_of_tokens, mf::linear<dev, wide, 10>>>;

mf::memory_pool<mf::cpu_memory>& pool() { return mf::memory_pool<mf::cpu_memory>::instance(); }

mf::tensor<dev, tokens_of> numbers(isize count) {
  mf::tensor<dev, tokens_of> x({1, count});
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = float(i % 7) / 7.0f - 0.4f;
  return x;
}

/// The peak of a call beside the weights and the two largest activations: the hidden layer of an MLP over the longest
/// sequence, before and after its nonlinearity.
template <class... Stages> double peak_share(isize longer, isize shorter, isize in_one_sequence, double& asked) {
  const isize before = pool().statistics().in_use;
  model_of<Stages...> model;
  mf::initialize(model, 1);
  const auto x = numbers(longer), y = numbers(shorter);
  (void)model(x, y);
  pool().reset_peak();
  const isize before_calls = pool().statistics().system_allocations;
  const isize inputs = 4 * (x.size() + y.size());
  for (int i = 0; i < 2; ++i) (void)model(x, y);
  asked = double(pool().statistics().system_allocations - before_calls);
  return double(pool().statistics().peak - before - inputs) /
         double(4 * (mf::parameter_count<model_of<Stages...>> + 2 * in_one_sequence * 4 * wide));
}

}  // namespace

TEST_CASE("inference needs little more than the weights and the two largest activations, and asks nobody for memory") {
  double asked = 1;
  const auto check = [&](double share) {
    CHECK(share > 0.8);
    CHECK(share <= 1.3);
    CHECK(asked == 0);
  };
  const isize a = 512, b = 300;  // as many that activations weigh as much as weights
  check(peak_share<mf::stage<2, mf::unimodal<block>>, mf::stage<2, mf::bottleneck_fusion<block, 4>>>(a, b, a, asked));
  check(peak_share<mf::stage<3, mf::joint_attention<block>>>(a, b, a + b, asked));
  check(peak_share<mf::stage<3, mf::cross_attention_fusion<block>>>(98, 50, 98, asked));  // not with more tokens
  check(peak_share<mf::stage<3, mf::unimodal<block>>>(a, b, a, asked));
  check(peak_share<mf::stage<4, mf::latent_adapter<block, mf::adapter_config{.batch_norm = false}>>>(a, b, a, asked));
}

TEST_CASE("a training step asks nobody for memory, and none of its memory stays") {
  model_of<mf::stage<2, mf::bottleneck_fusion<block, 4>>> model;
  mf::initialize(model, 2);
  const auto x = numbers(98), y = numbers(50);
  mf::tape tape;
  const auto step = [&] {
    tape.restart({.training = true});
    mf::clear_gradients(model);
    mf::backward(mf::mean(model(mf::record(tape, x), mf::record(tape, y))));
    tape.clear();
  };
  step();
  const mf::memory_statistics first = pool().statistics();
  for (int i = 0; i < 3; ++i) step();
  CHECK(pool().statistics().system_allocations == first.system_allocations);
  CHECK(pool().statistics().in_use == first.in_use);
}

}  // namespace test_fusion_memory
