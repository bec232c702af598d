#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/linear.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/members.hpp>

namespace test_tape_members {

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<float>;
using numbers = std::vector<float>;

struct inner {
  mf::parameter<dev, mf::width<3>> weight{mf::init::normal(1)};
  mf::buffer<dev, mf::width<2>> mean{mf::init::constant(0.5)};
  mf::random_stream stream;
  constexpr void members(auto&& visit) { visit("weight", weight), visit("mean", mean), visit("stream", stream); }
};

struct nothing {};  // a layer without state needs no members

struct outer {
  std::array<inner, 2> layers;
  mf::parameter<dev, mf::width<5>, mf::tokens<4>> table{mf::init::uniform(-1, 1)};
  nothing none;
  constexpr void members(auto&& visit) {
    for (std::size_t i = 0; i < 2; ++i) visit(isize(i), layers[i]);
    visit("table", table);
    visit("none", none);
  }
};

/// The same parts in another order, and one more.
struct rearranged {
  mf::parameter<dev, mf::width<7>> added{mf::init::normal(1)};
  outer old;
  constexpr void members(auto&& visit) {
    visit("added", added);
    visit("table", old.table);
    visit("1", old.layers[1]);
    visit("0", old.layers[0]);
  }
};

template <class M> std::vector<std::string> names_of(M& model) {
  std::vector<std::string> names;
  mf::for_each_named_member(model, [&](std::string_view name, const auto&) { names.emplace_back(name); });
  return names;
}

template <class M> std::map<std::string, numbers> values_of(const M& model) {
  std::map<std::string, numbers> values;
  mf::for_each_named_member(model, [&](std::string_view name, const auto& leaf) {
    if constexpr (requires { leaf.value(); })
      values[std::string(name)] = leaf.value().to_host();
    else
      values[std::string(name)] = {float(leaf.id >> 40)};
  });
  return values;
}

}  // namespace

TEST_CASE("leaves have dotted names, in the order of members, for models that may change and that may not") {
  outer model;
  const std::vector<std::string> names{"0.weight", "0.mean", "0.stream", "1.weight", "1.mean", "1.stream", "table"};
  CHECK(names_of(model) == names);
  CHECK(names_of(std::as_const(model)) == names);
  isize leaves = 0;
  mf::for_each_member(model, [&](auto&) { ++leaves; });
  CHECK(leaves == 7);
  mf::parameter<dev, mf::width<3>> alone;
  CHECK(names_of(alone) == std::vector<std::string>{""});
}

TEST_CASE("the compiler counts parameters, and parameters only") {
  static_assert(mf::parameter_count<inner> == 3);
  static_assert(mf::parameter_count<outer> == 2 * 3 + 20);
  static_assert(mf::parameter_count<nothing> == 0);
  static_assert(mf::parameter_count<mf::linear<dev, 4, 3>> == 15);
  static_assert(mf::parameter_count<mf::linear<dev, 4, 3, false>> == 12);
  CHECK(mf::parameter_count<outer> == 26);
}

TEST_CASE("starting values depend on the seed and the name alone, not on order or company") {
  outer model;
  rearranged other;
  mf::initialize(model, 42);
  mf::initialize(other, 42);
  const auto values = values_of(model), others = values_of(other);
  for (const auto& entry : values) {
    INFO(entry.first);
    CHECK(others.at(entry.first) == entry.second);
  }
  CHECK(values.at("0.weight") != values.at("1.weight"));
  CHECK(values.at("0.stream") != values.at("1.stream"));
  CHECK(values.at("0.mean") == numbers{0.5f, 0.5f});
  mf::initialize(other, 43);
  CHECK(values_of(other).at("table") != values.at("table"));
  const auto address = model.table.value().data();
  mf::initialize(model, 42);  // again: the same values in the same memory
  CHECK(model.table.value().data() == address);
  CHECK(values_of(model) == values);
}

TEST_CASE("a copied model is deep and independent, a moved one keeps its memory") {
  outer model;
  mf::initialize(model, 1);
  model.table.set_trainable(false);
  outer copy = model;
  CHECK(values_of(copy) == values_of(model));
  CHECK(!copy.table.trainable());
  copy.layers[0].weight.bind({mf::shape<mf::width<3>>{}, numbers{9, 9, 9}});
  CHECK(values_of(copy).at("0.weight") == numbers{9, 9, 9});
  CHECK(values_of(model).at("0.weight") != numbers{9, 9, 9});
  const auto address = copy.table.value().data();
  outer moved = std::move(copy);
  CHECK(moved.table.value().data() == address);
  CHECK_THROWS_AS((void)copy.table.value(), mf::argument_error);  // NOLINT: that is what is tested
  copy = moved;
  CHECK(values_of(copy) == values_of(moved));
  CHECK(copy.table.value().data() != address);
  std::swap(copy, moved);
  CHECK(copy.table.value().data() == address);
}

TEST_CASE("patterns match anywhere, and a star stands for anything") {
  using mf::name_matches;
  static_assert(name_matches("encoder.3.attention.query.weight", "attention"));
  struct example {
    std::string name, pattern;
    bool expected;
  };
  for (const example& one : std::vector<example>{{"encoder.weight", "", true},
                                                 {"", "", true},
                                                 {"", "a", false},
                                                 {"", "*", true},
                                                 {"abc", "abc", true},
                                                 {"abc", "abcd", false},
                                                 {"abc", "b", true},
                                                 {"abc", "*", true},
                                                 {"abc", "**", true},
                                                 {"abc", "a*c", true},
                                                 {"abc", "c*a", false},
                                                 {"ac", "a*c", true},
                                                 {"a", "a*a", false},
                                                 {"aa", "a*a", true},
                                                 {"axxbyyc", "a*b*c", true},
                                                 {"axxcyyb", "a*b*c", false},
                                                 {"abab", "ab*ab", true},
                                                 {"aba", "ab*ba", false},
                                                 {"abba", "ab*ba", true},
                                                 {"aab", "*ab", true},
                                                 {"b.1.x", "*.1.*", true},
                                                 {"b.11.x", ".1.", false},
                                                 {"block.1.weight", "block*bias", false},
                                                 {"block.1.bias", "block*bias", true},
                                                 {"aaaaab", "a*a*a*a*a*b", true},
                                                 {"aaaaab", "a*a*a*a*a*a*b", false},
                                                 {"mississippi", "iss*iss*pi", true},
                                                 {"mississippi", "issi*issi*", false},
                                                 {"norm.weight", "norm.weight*", true},
                                                 {"norm.weight", "*norm.weight*", true}}) {
    INFO("'" << one.name << "' and '" << one.pattern << "'");
    CHECK(name_matches(one.name, one.pattern) == one.expected);
  }
}

TEST_CASE("a hostile pattern does not take forever") {
  const std::string name(5000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "a*";
  CHECK(!mf::name_matches(name, pattern + "b"));
  CHECK(mf::name_matches(name, pattern));
}

TEST_CASE("freezing by pattern says how many tensors it concerned") {
  outer model;
  CHECK(mf::set_trainable(model, "0.", false) == 1);  // buffers are never trained
  CHECK(!model.layers[0].weight.trainable());
  CHECK(model.layers[1].weight.trainable());
  CHECK(mf::set_trainable(model, "*weight", false) == 2);
  CHECK(mf::set_trainable(model, "no such name", false) == 0);
  CHECK(mf::set_trainable(model, "", true) == 3);
  CHECK(model.layers[0].weight.trainable());
  mf::freeze(model.layers[1]);
  CHECK(!model.layers[1].weight.trainable());
  CHECK(model.table.trainable());
}

TEST_CASE("arranged: contiguous, aligned, frozen parameters last, gradients in a buffer of their own") {
  outer model;
  mf::initialize(model, 1);
  mf::set_trainable(model, "0.weight", false);
  const auto before = values_of(model);
  const auto flat = mf::arrange<dev>(model);
  CHECK(values_of(model) == before);
  REQUIRE(flat.entries.size() == 3);
  CHECK(flat.entries[0].name == "1.weight");
  CHECK(flat.entries[1].name == "table");
  CHECK(flat.entries[2].name == "0.weight");
  CHECK(flat.entries[0].offset == 0);
  CHECK(flat.entries[1].offset == 16);
  CHECK(flat.entries[2].offset == 16 + 32);
  CHECK(flat.entries[1].count == 20);
  CHECK(flat.entries[1].rank == 2);
  CHECK(flat.entries[1].trainable);
  CHECK(!flat.entries[2].trainable);
  CHECK(flat.values.size() == 16 + 32 + 16);
  CHECK(flat.gradients.size() == 16 + 32);
  CHECK(model.table.value().data() == flat.values.data() + 16);
  CHECK(model.layers[0].weight.value().data() == flat.values.data() + 48);
  for (const auto& entry : flat.entries)
    CHECK(reinterpret_cast<std::uintptr_t>(flat.values.data() + entry.offset) % 64 == 0);
  for (const float g : flat.gradients.to_host()) CHECK(g == 0);
  for (isize i = 3; i < 16; ++i) CHECK(flat.values.data()[i] == 0);  // room between parameters is zero
}

TEST_CASE("gradients of an arranged model arrive in its buffer, and clearing them leaves nothing behind") {
  outer model;
  mf::initialize(model, 1);
  mf::set_trainable(model, "0.weight", false);
  const auto flat = mf::arrange<dev>(model);
  const mf::tensor<dev, mf::shape<mf::width<3>>> x(mf::shape<mf::width<3>>{}, numbers{1, 2, 3});
  mf::tape tape;
  const auto run = [&] {
    tape.clear();
    const auto v = mf::record(tape, x);
    mf::backward(mf::sum(v * model.layers[0].weight * 2.0 + v * model.layers[1].weight));
  };
  run();
  run();
  auto gradients = flat.gradients.to_host();
  CHECK(numbers(gradients.begin(), gradients.begin() + 4) == numbers{2, 4, 6, 0});
  CHECK(model.layers[1].weight.gradient().data() == flat.gradients.data());
  CHECK(!model.layers[0].weight.gradient());
  mf::clear_gradients(model);
  for (const float g : flat.gradients.to_host()) CHECK(g == 0);
  run();
  gradients = flat.gradients.to_host();
  CHECK(numbers(gradients.begin(), gradients.begin() + 4) == numbers{1, 2, 3, 0});
}

TEST_CASE("arranged again after thawing, and with everything frozen or nothing there") {
  outer model;
  mf::initialize(model, 1);
  const auto before = values_of(model);
  mf::freeze(model);
  const auto frozen = mf::arrange<dev>(model);
  CHECK(!frozen.gradients);
  CHECK(frozen.values.size() == 64);
  mf::set_trainable(model, "table", true);
  const auto thawed = mf::arrange<dev>(model);
  CHECK(thawed.gradients.size() == 32);
  CHECK(model.table.gradient().data() == thawed.gradients.data());
  CHECK(values_of(model) == before);
  nothing none;
  CHECK(mf::arrange<dev>(none).entries.empty());
}

TEST_CASE("a copy of an arranged model has memory of its own") {
  outer model;
  mf::initialize(model, 1);
  const auto flat = mf::arrange<dev>(model);
  const outer copy = model;
  dev::fill(flat.values.data(), flat.values.size(), 0);
  CHECK(values_of(copy).at("0.weight") != numbers{0, 0, 0});
  CHECK(values_of(model).at("0.weight") == numbers{0, 0, 0});
}

TEST_CASE("a model without values cannot be arranged, and stays where it was") {
  outer model;
  model.layers[0].weight.bind({mf::shape<mf::width<3>>{}, numbers{1, 2, 3}});
  const auto address = model.layers[0].weight.value().data();
  CHECK_THROWS_AS(mf::arrange<dev>(model), mf::argument_error);
  CHECK(model.layers[0].weight.value().data() == address);
}

}  // namespace test_tape_members
