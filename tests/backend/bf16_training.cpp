#include <multifuse/io/checkpoint.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/losses/cross_entropy.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/copy_model.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/sgd.hpp>

#include "../io/scratch_directory.hpp"
#include "../support/check.hpp"

namespace test_backend_bf16_training {

namespace mf = multifuse;
using mf::bf16;
using mf::isize;

namespace {

template <class D> struct network {
  mf::transformer_block<D, 32, 4> block;
  mf::linear<D, 32, 3> head;
  void members(auto&& visit) { visit("block", block), visit("head", head); }
  auto operator()(const auto& x) const { return head(mf::mean<mf::tokens_axis>(block(x))); }
};

template <class D> auto tokens_of(std::uint64_t seed, isize count) {
  check::source draw(seed);
  return draw.normal<D>(mf::shape<mf::batch<>, mf::tokens<>, mf::width<32>>(6, count));
}
mf::tensor<mf::cpu<std::int32_t>, mf::shape<mf::batch<>>> labels_of_six() {
  return {mf::shape<mf::batch<>>(6), std::vector<std::int32_t>{0, 1, 2, 2, 1, 0}};
}

/// The loss of a network on its data, and the gradients of all its parameters.
template <class D> double learn(const network<D>& net, mf::tape& tape, std::vector<std::vector<double>>* gradients) {
  const auto loss = mf::cross_entropy(net(mf::record(tape, tokens_of<D>(1, 70))), labels_of_six());
  mf::backward(loss);
  if (gradients)
    mf::for_each_member(const_cast<network<D>&>(net), [&](auto& leaf) {
      if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>) {
        const auto values = leaf.gradient().to_host();
        gradients->emplace_back(values.begin(), values.end());
      }
    });
  return double(loss.value().to_host()[0]);
}

template <class D> std::vector<double> train(isize steps) {
  network<D> net;
  mf::initialize(net, 3);
  mf::adam<D> optimizer(net);
  std::vector<double> losses;
  for (isize step = 0; step < steps; ++step) {
    mf::tape tape;
    optimizer.zero_gradients();
    losses.push_back(learn<D>(net, tape, nullptr));
    optimizer.step(2e-3);
  }
  return losses;
}

}  // namespace

TEST_CASE("gradients of a transformer block in bf16 are those in float but for rounding") {
  network<mf::cpu<float>> precise;
  mf::initialize(precise, 3);
  network<mf::cpu<bf16>> rounded;
  mf::copy_model(precise, rounded);
  mf::tape tape, other;
  std::vector<std::vector<double>> expected, found;
  const double loss = learn(precise, tape, &expected), rounded_loss = learn(rounded, other, &found);
  CHECK(std::abs(rounded_loss - loss) < 0.01 * loss);
  REQUIRE(found.size() == expected.size());
  double scale = 0, worst = 0;
  for (const auto& one : expected) scale = std::max(scale, check::largest(one));
  for (std::size_t t = 0; t < expected.size(); ++t)
    for (std::size_t i = 0; i < expected[t].size(); ++i) {
      const double off = std::abs(found[t][i] - expected[t][i]);
      worst = off <= worst ? worst : off;
    }
  CHECK(worst < 2e-2 * scale);
}

TEST_CASE("training in bf16 nearly reaches the loss of float") {
  const auto precise = train<mf::cpu<float>>(40), rounded = train<mf::cpu<bf16>>(40);
  CHECK(precise.back() < 0.2 * precise.front());
  CHECK(std::abs(rounded.back() - precise.back()) < 0.03 * precise.front());
}

TEST_CASE("steps smaller than the last place of bf16 add up, and continue from a checkpoint") {
  using D = mf::cpu<bf16>;
  scratch_directory scratch;
  const auto path = scratch.path() / "run.safetensors";
  const auto set = [](const auto& layer, float weight) { D::fill(layer.weight.value().data(), 2, bf16(weight)); };
  mf::linear<D, 2, 1> layer;
  mf::initialize(layer, 1);
  set(layer, 1);
  mf::sgd<D> optimizer(layer, {.momentum = 0});
  const auto steps = [](mf::sgd<D>& of, isize count) {
    for (isize i = 0; i < count; ++i) {
      auto gradients = of.parameters().gradients;
      gradients.fill(bf16(1.0f));
      of.step(0x1p-12);  // a sixteenth of the distance to the next smaller number
    }
  };
  steps(optimizer, 10);
  CHECK(layer.weight.value().data()[0] == 1.0f - 0x1p-8f);  // 1 - 10 / 4096, rounded
  mf::save_checkpoint(path, "layer", layer, "optimizer", optimizer);
  steps(optimizer, 10);
  CHECK(layer.weight.value().data()[0] == 1.0f - 0x1p-8f);

  mf::linear<D, 2, 1> again;
  mf::initialize(again, 2);
  mf::sgd<D> other(again, {.momentum = 0});
  mf::load_checkpoint(path, "layer", again, "optimizer", other);
  steps(other, 16);
  CHECK(again.weight.value().data()[0] == 1.0f - 0x1p-7f);

  set(again, 3);  // set by others: counts
  steps(other, 64);
  CHECK(again.weight.value().data()[0] == 3.0f - 0x1p-6f);
}

TEST_CASE("weights of float load into bf16 and back") {
  scratch_directory scratch;
  const auto path = scratch.path() / "model.safetensors";
  mf::linear<mf::cpu<float>, 3, 2> precise, back;
  mf::initialize(precise, 4);
  mf::save_model(path, precise);
  mf::linear<mf::cpu<bf16>, 3, 2> rounded;
  mf::load_model(path, rounded);
  const auto before = precise.weight.value().to_host();
  const auto after = rounded.weight.value().to_host();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i].bits == bf16(before[i]).bits);
  mf::save_model(path, rounded);
  CHECK(mf::safetensors_file(path).at("weight").dtype == mf::storage_type::bf16);
  mf::load_model(path, back);
  CHECK(back.weight.value().to_host() == std::vector<float>(after.begin(), after.end()));
}

}  // namespace test_backend_bf16_training
