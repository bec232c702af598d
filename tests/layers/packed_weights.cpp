#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/mlp.hpp>
#include <multifuse/tape/copy_model.hpp>
#include <multifuse/train/adam.hpp>
#include <multifuse/train/moving_average.hpp>

namespace test_layers_packed_weights {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using layers = mf::mlp<dev, 16, 64>;
using rows = mf::tensor<dev, mf::shape<mf::tokens<>, mf::width<16>>>;

namespace {

rows input() {
  rows x(rows::shape_type(5));
  for (mf::isize i = 0; i < x.size(); ++i) x.data()[i] = float(mf::normal({7, 1}, i));
  return x;
}

/// What the layers compute with a tape: without copies of the weights.
std::vector<float> expected(const layers& model) {
  layers unpacked = model;
  return unpacked(input()).to_host();
}

void check_same(const std::vector<float>& got, const std::vector<float>& wanted) {
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
}

}  // namespace

TEST_CASE("packed weights compute the same, and copies of a model are not packed") {
  layers model;
  mf::initialize(model, 1);
  CHECK(model.expand.weight.packed() == nullptr);
  mf::pack_weights(model);
  CHECK(model.expand.weight.packed() != nullptr);
  CHECK(model.contract.weight.packed() != nullptr);
  check_same(model(input()).to_host(), expected(model));
  const layers copy = model;
  CHECK(copy.expand.weight.packed() == nullptr);
  const layers moved = std::move(model);
  CHECK(moved.expand.weight.packed() != nullptr);
}

TEST_CASE("whatever changes weights puts their packed copies out of use") {
  layers model, other;
  mf::initialize(model, 1);
  mf::initialize(other, 2);
  const auto change_and_check = [&](const char* how, auto change) {
    INFO(how);
    mf::pack_weights(model);
    const auto before = model(input()).to_host();
    REQUIRE(model.expand.weight.packed() != nullptr);
    change();
    CHECK(model.expand.weight.packed() == nullptr);
    const auto after = model(input()).to_host();
    CHECK(after != before);
    check_same(after, expected(model));
  };
  change_and_check("initialize", [&] { mf::initialize(model, 3); });
  change_and_check("copy_model", [&] { mf::copy_model(other, model); });
  change_and_check("moving average", [&] { mf::initialize(other, 5); mf::average_into(model, other, 0.5); });
  change_and_check("assignment", [&] { mf::initialize(other, 6); model = other; });
  mf::adam<dev> optimizer(model);
  change_and_check("a step", [&] {
    mf::tape tape;
    const auto y = model(mf::record(tape, input()));
    rows ones(rows::shape_type(5));
    mf::backward(y, ones.fill(1));
    optimizer.step(0.1);
  });
  change_and_check("a pointer", [&] {
    auto weight = model.expand.weight.value();
    weight.fill(0.5f);
    weight.owner().note_change();
  });
}

TEST_CASE("a packed copy is out of use while other instructions are in use") {
  layers model;
  mf::initialize(model, 1);
  mf::pack_weights(model);
  const auto best = mf::instructions_in_use();
  mf::use_instructions(mf::instruction_set::portable);
  const bool same = best == mf::instruction_set::portable;
  CHECK((model.expand.weight.packed() != nullptr) == same);
  check_same(model(input()).to_host(), expected(model));
  mf::use_instructions(best);
  CHECK(model.expand.weight.packed() != nullptr);
}

}  // namespace test_layers_packed_weights
