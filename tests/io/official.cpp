#include <multifuse/io/official.hpp>

#include <doctest/doctest.h>

#include "scratch_directory.hpp"
#include "small_model.hpp"

namespace test_io_official {

namespace mf = multifuse;
using model = small_model<mf::cpu<float>>;

namespace {

mf::name_table official_names() {
  mf::name_table table;
  table.map("query.weight", "qk.weight", mf::official::rows(0, 8));
  table.map("key.weight", "qk.weight", mf::official::rows(4, 8));
  table.map("query.bias", "q/bias", mf::official::shaped({2, 2}));
  table.map("key.bias", "k/bias");
  table.map("table", "pos_embed", mf::official::permuted({4, 1, 3}, {1, 2, 0}));
  table.map("running_mean", "running_mean");
  table.map("counts", "counts");
  table.unused("head.");
  table.optional_prefix("module.");
  return table;
}

template <class M> std::vector<double> values_of(M& m) {
  std::vector<double> all;
  mf::for_each_member(m, [&](auto& leaf) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(leaf)>, mf::random_stream>)
      for (const auto value : leaf.value().to_host()) all.push_back(double(value));
  });
  return all;
}

/// A file with the official tensors of model 5, changed by `edit`, all names with `prefix`.
struct source {
  std::map<std::string, std::pair<std::vector<mf::isize>, std::vector<float>>> tensors;
  source() {
    model m;
    mf::initialize(m, 5);
    mf::for_each_official(m, official_names(), mf::official_content::value,
                          [&](auto& name, auto& shape, auto& elements) {
                            tensors[name] = {shape, elements};
                          });
    tensors["counts"].second = {7, 9};
    tensors["head.weight"] = {{1}, {4}};
  }
  void write(const std::filesystem::path& path, const std::string& prefix = "") const {
    mf::safetensors_writer writer;
    const std::vector<std::int64_t> counts{7, 9};
    for (const auto& [name, tensor] : tensors)
      if (name == "counts")
        writer.add(prefix + name, counts, tensor.first);
      else
        writer.add(prefix + name, tensor.second, tensor.first);
    writer.write(path);
  }
};

}  // namespace

TEST_CASE("weights written under official names load again, bit for bit") {
  const scratch_directory scratch;
  model first, second;
  mf::initialize(first, 3);
  mf::save_official(scratch / "a", first, official_names());
  mf::load_official(mf::safetensors_file(scratch / "a"), second, official_names());
  CHECK(values_of(first) == values_of(second));
  CHECK(second.dropout.id == first.dropout.id);  // named although it was never initialized
  mf::save_official(scratch / "b", second, official_names());
  CHECK(read_text(scratch / "a") == read_text(scratch / "b"));
  const mf::safetensors_file file(scratch / "a");
  CHECK(file.names().size() == 6);
  CHECK(file.at("qk.weight").shape == std::vector<mf::isize>{8, 6});
  CHECK(file.at("pos_embed").shape == std::vector<mf::isize>{4, 1, 3});
  CHECK(file.at("counts").dtype == mf::storage_type::i32);

  small_model<mf::cpu<double>> wide;  // converted to the model's scalar
  mf::load_official(file, wide, official_names());
  CHECK(values_of(first) == values_of(wide));
}

TEST_CASE("prefixes, and tensors that the model does not use") {
  const scratch_directory scratch;
  const source official;
  model plain, prefixed, parallel;
  official.write(scratch / "plain");
  official.write(scratch / "param", "param.");
  official.write(scratch / "module", "module.");
  const auto load = [&](const std::string& name, model& m, std::string_view prefix) {
    mf::load_official(mf::safetensors_file(scratch / name), m, official_names(), prefix);
  };
  load("plain", plain, "");
  load("param", prefixed, "param.");
  load("module", parallel, "");
  CHECK(plain.counts.value().to_host() == std::vector<std::int32_t>{7, 9});
  CHECK(values_of(plain) == values_of(prefixed));
  CHECK(values_of(plain) == values_of(parallel));

  const mf::safetensors_file original(scratch / "module");
  mf::save_official(scratch / "again", parallel, official_names(), &original);
  const mf::safetensors_file again(scratch / "again");
  CHECK(again.read("head.weight") == std::vector<float>{4});
  CHECK(again.names().size() == original.names().size());
}

TEST_CASE("files that do not fit are refused and the model stays as it was") {
  const scratch_directory scratch;
  model m;
  mf::initialize(m, 1);
  const auto before = values_of(m);
  const auto refusal = [&](auto&& edit) {
    source official;
    edit(official.tensors);
    official.write(scratch / "x");
    const auto text = message_of<mf::file_error>(
        [&] { mf::load_official(mf::safetensors_file(scratch / "x"), m, official_names()); });
    CHECK(values_of(m) == before);
    return text;
  };
  CHECK(mentions(refusal([](auto& t) {
                   t.erase("k/bias"), t["key/bias"] = {{1}, {0}};
                 }),
                 "tensors are missing; expected 'k/bias'; got unknown ones: 'key/bias'"));
  CHECK(mentions(refusal([](auto& t) { t["extra"] = {{1}, {0}}; }), "the model does not have; got 'extra'"));
  CHECK(mentions(refusal([](auto& t) {
                   t["qk.weight"].first = {6, 8};
                 }),
                 "wrong shapes; got 'qk.weight [6, 8] for [8, 6]'"));
  CHECK(mentions(refusal([](auto& t) { t["counts"].first = {1, 2}; }), "wrong shapes"));
  // whole numbers cannot come from fractions
  source official;
  official.tensors["counts"].second[1] = 9.5f;
  mf::safetensors_writer writer;
  for (const auto& [name, tensor] : official.tensors) writer.add(name, tensor.second, tensor.first);
  writer.write(scratch / "fractions");
  CHECK(mentions(message_of<mf::file_error>(
                     [&] { mf::load_official(mf::safetensors_file(scratch / "fractions"), m, official_names()); }),
                 "not a whole number in range; expected I32; got 9.5"));
  CHECK(values_of(m) == before);
}

}  // namespace test_io_official
