#include "multifuse/systems/everything_at_once.hpp"

#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <random>

namespace test_systems_everything_at_once {

namespace {

namespace mf = multifuse;
namespace eao = multifuse::everything_at_once;
using mf::isize;
using D = mf::cpu<float>;
using eao::audio, eao::text, eao::video;

constexpr eao::config small(bool separate) {
  return {.text_features = 5,
          .video_features = 6,
          .bins = 4,
          .audio_network = {.widths = {4, 4, 8}, .blocks = {1, 1}},
          .width = 8,
          .heads = 2,
          .projection = 6,
          .separate_blocks = separate};
}

template <isize Width> auto random_tokens(isize tokens, unsigned seed) {
  using S = mf::shape<mf::batch<>, mf::tokens<>, mf::width<Width>>;
  std::mt19937 draw(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(std::size_t(2 * tokens * Width));
  for (float& x : values) x = normal(draw);
  return mf::tensor<D, S>(S(2, tokens), values);
}
template <eao::config C> auto embeddings_of(const eao::model<D, C>& model) {
  return model(random_tokens<5>(3, 1), random_tokens<6>(4, 2), random_tokens<4>(12, 3)).of;
}
template <class M> void disturb(M& layer) {
  mf::for_each_member(layer, [](auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>)
      for (isize i = 0; i < leaf.value().size(); ++i) leaf.value().data()[i] += 0.1f * float(i % 3);
  });
}

}  // namespace

TEST_CASE("the control has a transformer for each modality and averages what they give") {
  eao::model<D, small(true)> model;
  mf::initialize(model, 1);
  const auto before = embeddings_of<small(true)>(model);
  const auto pair = get<mf::streams<text, video>>(before).to_host();
  const auto written = mf::l2_normalize(get<mf::streams<text>>(before), 1e-8);
  const auto seen = mf::l2_normalize(get<mf::streams<video>>(before), 1e-8);
  const auto averaged = mf::evaluate(0.5 * (written + seen)).to_host();
  for (std::size_t i = 0; i < pair.size(); ++i) CHECK(pair[i] == doctest::Approx(averaged[i]).epsilon(1e-6));

  // the text's transformer is nobody else's
  disturb(model.blocks.layer<text>());
  const auto after = embeddings_of<small(true)>(model);
  CHECK(get<mf::streams<text>>(after).to_host() != get<mf::streams<text>>(before).to_host());
  CHECK(get<mf::streams<text, video>>(after).to_host() != pair);
  CHECK(get<mf::streams<video>>(after).to_host() == get<mf::streams<video>>(before).to_host());
  CHECK(get<mf::streams<audio>>(after).to_host() == get<mf::streams<audio>>(before).to_host());
  CHECK(get<mf::streams<video, audio>>(after).to_host() == get<mf::streams<video, audio>>(before).to_host());
}

TEST_CASE("shared blocks are everybody's, and what they fuse is no average") {
  eao::model<D, small(false)> model;
  mf::initialize(model, 1);
  const auto before = embeddings_of<small(false)>(model);
  const auto alone = mf::bundle_of<text, video>(get<mf::streams<text>>(before), get<mf::streams<video>>(before));
  const auto averaged = eao::model<D, small(false)>::averaged(mf::streams<text, video>{}, alone);
  CHECK(get<mf::streams<text, video>>(before).to_host() != averaged.to_host());
  disturb(model.blocks);
  const auto after = embeddings_of<small(false)>(model);
  CHECK(get<mf::streams<text>>(after).to_host() != get<mf::streams<text>>(before).to_host());
  CHECK(get<mf::streams<audio>>(after).to_host() != get<mf::streams<audio>>(before).to_host());
}

TEST_CASE("the control has two transformers more, each started as published") {
  isize shared = 0, separate = 0, block = 0;
  const auto count = [](isize& sum) {
    return [&sum](auto& leaf) {
      using L = std::remove_cvref_t<decltype(leaf)>;
      if constexpr (mf::is_parameter<L>) sum += L::count;
    };
  };
  eao::model<D, small(false)> one;
  eao::model<D, small(true)> three;
  mf::for_each_member(one, count(shared)), mf::for_each_member(three, count(separate));
  mf::for_each_member(one.blocks, count(block));
  CHECK(block > 0);
  CHECK(separate == shared + 2 * block);
  mf::initialize(three, 1);
  const auto largest = [](const auto& transformer) {
    float most = 0;
    const auto weights = transformer.layers[0].attention.query.weight.value().to_host();
    for (const float x : weights) most = std::max(most, std::abs(x));
    return most;
  };
  CHECK(largest(three.blocks.layer<text>()) <= 0.04f);  // two deviations of 0.02
  CHECK(largest(three.blocks.layer<audio>()) <= 0.04f);
  CHECK(largest(three.blocks.layer<audio>()) > 0);
}

}  // namespace test_systems_everything_at_once
