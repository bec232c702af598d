#include <multifuse/io/framework_names.hpp>

#include <doctest/doctest.h>

#include <map>

#include <multifuse/backend/cpu/cpu.hpp>

namespace test_io_framework_names {

namespace mf = multifuse;

namespace {

using dev = mf::cpu<float>;
constexpr mf::isize width = 6, heads = 3, each = 2;

struct linear {
  mf::parameter<dev, mf::outputs<width>, mf::inputs<width>> weight{mf::init::normal(1)};
  mf::parameter<dev, mf::outputs<width>> bias{mf::init::normal(1)};
  void members(auto&& visit) { visit("weight", weight), visit("bias", bias); }
};
struct norm {
  mf::parameter<dev, mf::width<width>> scale{mf::init::normal(1)}, bias{mf::init::normal(1)};
  void members(auto&& visit) { visit("scale", scale), visit("bias", bias); }
};
struct block {
  struct attention {
    linear query, key, values, output;
    void members(auto&& visit) {
      visit("query", query), visit("key", key), visit("value", values), visit("output", output);
    }
  } attention;
  norm attention_norm;
  linear expand;
  void members(auto&& visit) {
    visit("attention", attention), visit("attention_norm", attention_norm), visit("expand", expand);
  }
};

using tensors = std::map<std::string, std::pair<std::vector<mf::isize>, std::vector<float>>>;

tensors official_of(const block& b, const mf::name_table& table) {
  tensors found;
  mf::for_each_official(b, table, mf::official_content::value, [&](auto& name, auto& shape, auto& elements) {
    found[name] = {shape, elements};
  });
  return found;
}

}  // namespace

TEST_CASE("flax names and layouts") {
  block b;
  mf::initialize(b, 2);
  mf::name_table table;
  const auto scope = table.within("", "encoderblock_0/");
  mf::flax::attention(scope, "attention", "MultiHeadDotProductAttention_0", width, heads);
  mf::flax::norm(scope, "attention_norm", "LayerNorm_0");
  mf::flax::dense(scope, "expand", "MlpBlock_0/Dense_0");
  const tensors found = official_of(b, table);
  CHECK(found.size() == 12);
  const auto& [query_shape, query] = found.at("encoderblock_0/MultiHeadDotProductAttention_0/query/kernel");
  CHECK(query_shape == std::vector<mf::isize>{width, heads, each});
  const auto& [out_shape, out] = found.at("encoderblock_0/MultiHeadDotProductAttention_0/out/kernel");
  CHECK(out_shape == std::vector<mf::isize>{heads, each, width});
  CHECK(found.at("encoderblock_0/MultiHeadDotProductAttention_0/value/bias").first ==
        std::vector<mf::isize>{heads, each});
  const auto& [dense_shape, dense] = found.at("encoderblock_0/MlpBlock_0/Dense_0/kernel");
  CHECK(dense_shape == std::vector<mf::isize>{width, width});
  const float* const ours_query = b.attention.query.weight.value().data();
  const float* const ours_output = b.attention.output.weight.value().data();
  const float* const ours_expand = b.expand.weight.value().data();
  for (mf::isize i = 0; i < width; ++i)
    for (mf::isize h = 0; h < heads; ++h)
      for (mf::isize d = 0; d < each; ++d) {
        // features are [head, place in the head] in both
        CHECK(query[std::size_t((i * heads + h) * each + d)] == ours_query[(h * each + d) * width + i]);
        CHECK(out[std::size_t((h * each + d) * width + i)] == ours_output[i * width + h * each + d]);
        CHECK(dense[std::size_t((h * each + d) * width + i)] == ours_expand[i * width + h * each + d]);
      }
  CHECK(found.at("encoderblock_0/LayerNorm_0/scale").second == b.attention_norm.scale.value().to_host());
}

TEST_CASE("PyTorch names, queries, keys and values packed by rows") {
  block b;
  mf::initialize(b, 2);
  mf::name_table table;
  const auto scope = table.within("", "blocks.0.");
  mf::pytorch::attention(scope, "attention", "attn", width);
  mf::pytorch::norm(scope, "attention_norm", "norm1");
  mf::pytorch::linear(scope, "expand", "mlp.fc1");
  const tensors found = official_of(b, table);
  CHECK(found.size() == 8);
  const auto& [shape, packed] = found.at("blocks.0.attn.qkv.weight");
  CHECK(shape == std::vector<mf::isize>{3 * width, width});
  std::vector<float> expected;
  for (const linear* one : {&b.attention.query, &b.attention.key, &b.attention.values})
    for (const float value : one->weight.value().to_host()) expected.push_back(value);
  CHECK(packed == expected);
  CHECK(found.at("blocks.0.attn.qkv.bias").first == std::vector<mf::isize>{3 * width});
  CHECK(found.at("blocks.0.attn.proj.weight").second == b.attention.output.weight.value().to_host());
  CHECK(found.at("blocks.0.norm1.weight").second == b.attention_norm.scale.value().to_host());
  CHECK(found.at("blocks.0.norm1.bias").second == b.attention_norm.bias.value().to_host());
  CHECK(found.at("blocks.0.mlp.fc1.weight").second == b.expand.weight.value().to_host());
}

}  // namespace test_io_framework_names
