#include <multifuse/io/name_table.hpp>

#include <doctest/doctest.h>

#include <map>

#include "scratch_directory.hpp"
#include "small_model.hpp"

namespace test_io_name_table {

namespace mf = multifuse;
using model = small_model<mf::cpu<float>>;

namespace {

struct seen {
  std::vector<mf::isize> shape;
  std::vector<float> elements;
};

std::map<std::string, seen> all_of(const model& m, const mf::name_table& table,
                                   mf::official_content content = mf::official_content::value) {
  std::map<std::string, seen> result;
  mf::for_each_official(
      m, table, content,
      [&](const std::string& name, const std::vector<mf::isize>& shape, const std::vector<float>& elements) {
        result[name] = {shape, elements};
      });
  return result;
}

void count_up(model& m) {
  mf::initialize(m, 1);
  float next = 0;
  mf::for_each_member(m, [&](auto& leaf) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(leaf)>, mf::random_stream>)
      for (mf::isize i = 0; i < leaf.count; ++i)
        leaf.value().data()[i] = static_cast<std::remove_cvref_t<decltype(*leaf.value().data())>>(next++);
  });
}

mf::name_table plain_table() {
  mf::name_table table;
  for (const std::string which : {"query", "key"}) {
    const auto part = table.within(which + ".", "attention/" + which + "/");
    part.map("weight", "kernel", mf::official::transposed());
    part.map("bias", "bias");
  }
  table.map("table", "pos_embed", mf::official::shaped({1, 3, 4}));
  table.map("running_mean", "bn.running_mean");
  table.keep("counts");
  return table;
}

std::string refusal(const model& m, const mf::name_table& table) {
  return message_of<mf::argument_error>([&] { all_of(m, table); });
}

}  // namespace

TEST_CASE("layouts: same, transposed, other axes") {
  model m;
  count_up(m);
  const auto found = all_of(m, plain_table());
  CHECK(found.size() == 6);
  const auto& kernel = found.at("attention/key/kernel");
  CHECK(kernel.shape == std::vector<mf::isize>{6, 4});
  for (std::size_t in = 0; in < 6; ++in)
    for (std::size_t out = 0; out < 4; ++out) CHECK(kernel.elements[in * 4 + out] == float(28 + out * 6 + in));
  CHECK(found.at("attention/query/bias").elements == std::vector<float>{24, 25, 26, 27});
  CHECK(found.at("pos_embed").shape == std::vector<mf::isize>{1, 3, 4});
  CHECK(found.at("pos_embed").elements[5] == 61);
}

TEST_CASE("a permutation is NumPy's transpose of the official tensor") {
  model m;
  count_up(m);
  mf::name_table table = plain_table();
  // official (in, heads, head width) = (6, 2, 2); ours [heads * head width, in]
  mf::name_table heads;
  heads.map("query.weight", "q/kernel", mf::official::permuted({6, 2, 2}, {1, 2, 0}));
  heads.map("query.bias", "q/bias", mf::official::shaped({2, 2}));
  // official convolution (out, in, rows, columns) = (4, 3, 1, 2); ours [out, rows, columns, in]
  heads.map("key.weight", "conv.weight", mf::official::permuted({4, 3, 1, 2}, {0, 2, 3, 1}));
  heads.map("key.bias", "conv.bias");
  for (const auto& entry : table.entries())
    if (!entry.ours.starts_with("query") && !entry.ours.starts_with("key"))
      heads.map(entry.ours, entry.official, entry.layout);
  heads.keep("counts");
  const auto found = all_of(m, heads);
  const auto& q = found.at("q/kernel").elements;
  for (std::size_t in = 0; in < 6; ++in)
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t w = 0; w < 2; ++w) CHECK(q[(in * 2 + h) * 2 + w] == float((h * 2 + w) * 6 + in));
  const auto& c = found.at("conv.weight").elements;
  for (std::size_t o = 0; o < 4; ++o)
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t column = 0; column < 2; ++column)
        CHECK(c[(o * 3 + i) * 2 + column] == float(28 + (o * 2 + column) * 3 + i));
}

TEST_CASE("packed tensors are put together, along rows or another axis") {
  model m;
  count_up(m);
  mf::name_table table;
  table.map("key.weight", "qk.weight", mf::official::rows(4, 8));
  table.map("query.weight", "qk.weight", mf::official::rows(0, 8));
  table.map("query.bias", "qk.bias", mf::official::shaped({2, 2}).part(1, 2, 4));
  table.map("key.bias", "qk.bias", mf::official::shaped({2, 2}).part(1, 0, 4));
  table.map("table", "pos");
  table.map("running_mean", "mean");
  table.map("counts", "counts");
  const auto found = all_of(m, table);
  const auto& weight = found.at("qk.weight");
  CHECK(weight.shape == std::vector<mf::isize>{8, 6});
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(weight.elements[i] == float(i));
    CHECK(weight.elements[24 + i] == float(28 + i));
  }
  CHECK(found.at("qk.bias").shape == std::vector<mf::isize>{2, 4});
  CHECK(found.at("qk.bias").elements == std::vector<float>{52, 53, 24, 25, 54, 55, 26, 27});
  CHECK(found.at("counts").elements == std::vector<float>{72, 73});
}

TEST_CASE("gradients in the official layout, zero where none arrived, without what is not trained") {
  model m;
  count_up(m);
  mf::set_trainable(m, "query.bias", false);
  const auto flat = mf::arrange<mf::cpu<float>>(m);
  auto gradient = m.key.weight.gradient();
  for (mf::isize i = 0; i < 24; ++i) gradient.data()[i] = float(i);
  const auto found = all_of(m, plain_table(), mf::official_content::gradient);
  CHECK(found.size() == 4);
  CHECK(!found.contains("attention/query/bias"));
  CHECK(!found.contains("bn.running_mean"));
  CHECK(found.at("attention/key/kernel").elements[4 + 2] == 13);
  CHECK(found.at("pos_embed").elements == std::vector<float>(12, 0.0f));
}

TEST_CASE("a table that does not fit is refused, and what is wrong is named") {
  model m;
  count_up(m);
  const mf::name_table good = plain_table();
  {
    mf::name_table table = good;
    table.map("quary.weight", "x");
    CHECK(mentions(refusal(m, table), "'quary.weight'"));
  }
  {
    mf::name_table table = good;
    table.map("query.weight", "again");
    CHECK(mentions(refusal(m, table), "or twice; got 'query.weight'"));
  }
  CHECK(mentions(refusal(m, mf::name_table()), "without an official name; got 'counts', 'key.bias'"));
  const auto with_weight = [&](const mf::official_layout& layout) {
    mf::name_table table;
    for (const auto& entry : good.entries())
      table.map(entry.ours, entry.official, entry.ours == "key.weight" ? layout : entry.layout);
    table.keep("counts");
    return refusal(m, table);
  };
  CHECK(mentions(with_weight(mf::official::shaped({6, 5})), "'key.weight': the official shape does not fit"));
  CHECK(mentions(with_weight(mf::official::permuted({6, 4}, {0})), "does not fit"));
  CHECK(mentions(with_weight(mf::official::permuted({}, {1, 0, 2})), "the order of axes does not fit"));
  CHECK(mentions(with_weight(mf::official::permuted({}, {1, 1})), "not a permutation"));
  CHECK(mentions(with_weight(mf::official::rows(5, 8)), "outside of the packed tensor of 8"));
  CHECK(mentions(with_weight(mf::official::rows(-1, 8)), "outside of the packed tensor"));
  CHECK(mentions(with_weight(mf::official_layout{}.part(2, 0, 8)), "outside of the packed tensor"));
  CHECK(mentions(with_weight(mf::official::rows(0, 8)), "leave a gap; expected 8; got 4"));
  CHECK(mentions(with_weight(mf::official::rows(4, 8)), "the next part at 0; got 'key.weight' at 4"));
  {
    mf::name_table table = good;
    mf::name_table twice;
    for (const auto& entry : good.entries())
      twice.map(entry.ours, entry.ours.ends_with(".bias") ? "bias" : entry.official, entry.layout);
    twice.keep("counts");
    CHECK(mentions(refusal(m, twice), "'bias': parts disagree"));
  }
  model empty;
  CHECK(mentions(refusal(empty, good), "has no values yet"));
}

}  // namespace test_io_name_table
