#include <doctest/doctest.h>

#include <cmath>
#include <multifuse/multifuse.hpp>
#include <vector>

namespace test_fusion_class_tokens {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<double>;

namespace {

struct sight { static constexpr std::string_view name = "sight"; };
struct sound { static constexpr std::string_view name = "sound"; };
using both = mf::streams<sight, sound>;
constexpr isize wide = 8;
using block = mf::transformer_block<dev, wide, 2>;
using tokens_of = mf::shape<mf::batch<>, mf::tokens<>, mf::width<wide>>;
using head = mf::linear<dev, wide, 3>;
using class_tokens = mf::readout<mf::mean_of_class_tokens, head>;

mf::tensor<dev, tokens_of> numbers(std::uint64_t stream, isize count) {
  mf::tensor<dev, tokens_of> x({2, count});
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = mf::normal({5, stream}, i);
  return x;
}

/// The same model without the shortcut: every stage computes all tokens.
template <class Model> auto in_full(const Model& model, const auto& b) { return model.stages(b); }

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

/// Output, gradients of the inputs and of all weights.
struct step {
  std::vector<std::vector<double>> numbers;
};
template <class Model, class Call> step train(Model& model, const auto& first, const auto& second, const Call& call) {
  mf::tape tape;
  const auto a = mf::watch(tape, first), b = mf::watch(tape, second);
  mf::clear_gradients(model);
  const auto y = call(model, mf::bundle_of<sight, sound>(a, b));
  mf::backward(y, mf::tensor<dev, std::remove_cvref_t<decltype(y.dims())>>(y.dims()).fill(0.7));
  step result{{y.value().to_host(), a.gradient().to_host(), b.gradient().to_host()}};
  mf::for_each_member(model, [&](auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>) {
      const auto g = leaf.gradient();
      result.numbers.push_back(g ? g.to_host() : std::vector<double>(std::size_t(leaf.count), 0.0));
    }
  });
  return result;
}

/// The shortcut computes what the whole model computes, and less of it.
template <class... Parts> void compare() {
  mf::fusion_model<both, Parts...> model;
  mf::initialize(model, 7);
  const auto first = numbers(1, 5), second = numbers(2, 4);
  const step expected = train(model, first, second, [](auto& m, const auto& b) { return in_full(m, b); });
  const step got = train(model, first, second, [](auto& m, const auto& b) { return m(b); });
  REQUIRE(got.numbers.size() == expected.numbers.size());
  for (std::size_t i = 0; i < got.numbers.size(); ++i) CHECK(difference(got.numbers[i], expected.numbers[i]) < 1e-13);
}

template <class... Parts> double flops(bool whole) {
  mf::operation_count count;
  const mf::fusion_model<both, Parts...> model;
  const mf::tensor<mf::meta, tokens_of> x(tokens_of(1, 50), &count), y(tokens_of(1, 30), &count);
  const auto b = mf::bundle_of<sight, sound>(x, y);
  whole ? void(in_full(model, b)) : void(model(b));
  return count.forward_flops;
}

}  // namespace

TEST_CASE("before a readout of class tokens the last layer computes only those: same outputs, same gradients") {
  compare<mf::stage<1, mf::unimodal<block>>, class_tokens>();
  compare<mf::stage<3, mf::unimodal<block>>, mf::late<head, mf::mean_of_class_tokens>>();
  compare<mf::stage<2, mf::shared<block>>, class_tokens>();
  compare<mf::stage<1, mf::unimodal<block>>, mf::stage<2, mf::joint_attention<block>>, class_tokens>();
  compare<mf::stage<1, mf::unimodal<block>>, mf::stage<2, mf::cross_attention_fusion<block>>, class_tokens>();
  compare<mf::stage<2, mf::bottleneck_fusion<block, 3>>, class_tokens>();
  compare<mf::stage<1, mf::bottleneck_fusion<block, 2>>, mf::late<head, mf::mean_of_class_tokens>>();
}

TEST_CASE("padded streams too") {
  mf::fusion_model<both, mf::stage<1, mf::unimodal<block>>, mf::stage<1, mf::joint_attention<block>>, class_tokens> joint;
  mf::fusion_model<both, mf::stage<2, mf::bottleneck_fusion<block, 3>>, class_tokens> bottleneck;
  mf::initialize(joint, 8);
  mf::initialize(bottleneck, 9);
  const auto first = numbers(3, 5), second = numbers(4, 4);
  mf::tensor<dev, mf::shape<mf::batch<>, mf::tokens<>>> kept({2, 5});
  kept.fill(1);
  kept.data()[4] = kept.data()[8] = kept.data()[9] = 0;
  const auto b = mf::bundle_of<sight, sound>(mf::masked_tokens{first, kept}, second);
  CHECK(difference(joint(b).to_host(), in_full(joint, b).to_host()) < 1e-13);
  CHECK(difference(bottleneck(b).to_host(), in_full(bottleneck, b).to_host()) < 1e-13);
}

TEST_CASE("the arithmetic of the last layer shrinks, that of a readout of all tokens does not") {
  using unimodal = mf::stage<2, mf::unimodal<block>>;
  const double whole = flops<unimodal, class_tokens>(true), shortened = flops<unimodal, class_tokens>(false);
  CHECK(shortened < 0.65 * whole);
  CHECK(shortened > 0.5 * whole);
  CHECK(flops<unimodal, mf::readout<mf::mean_of_tokens, head>>(false) ==
        flops<unimodal, mf::readout<mf::mean_of_tokens, head>>(true));
}

}  // namespace test_fusion_class_tokens
