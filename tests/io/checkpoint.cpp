#include <multifuse/io/checkpoint.hpp>

#include <doctest/doctest.h>

#include <limits>

#include "file_size_limit.hpp"
#include "scratch_directory.hpp"
#include "small_model.hpp"

namespace test_io_checkpoint {

namespace mf = multifuse;
using dev = mf::cpu<float>;
using model = small_model<dev>;

namespace {

/// Something with state of its own, as an optimizer has.
struct momentum {
  mf::isize steps = 0;
  double best = 0;
  mf::tensor<dev, mf::shape<mf::samples<>>> values = mf::zeros<dev>(mf::shape<mf::samples<>>(3));
  template <class F> void for_each_state(F&& f) {
    f("steps", steps);
    f("best", best);
    f("values", values);
  }
};

struct run {
  model net;
  momentum optimizer;
  mf::isize step = 0;
  std::uint64_t seed = 0;
  double loss = 0;

  explicit run(bool started) {
    if (!started) return;
    mf::initialize(net, 5);
    optimizer.steps = 17;
    optimizer.best = 0.1 + 0.2;
    for (int i = 0; i < 3; ++i) optimizer.values.data()[i] = 0.5f + float(i);
    step = 17;
    seed = std::numeric_limits<std::uint64_t>::max();
    loss = -1.0 / 3;
  }
  void save(const std::filesystem::path& path) const {
    mf::save_checkpoint(path, "model", net, "optimizer", optimizer, "step", step, "seed", seed, "loss", loss);
  }
  void load(const std::filesystem::path& path) {
    mf::load_checkpoint(path, "model", net, "optimizer", optimizer, "step", step, "seed", seed, "loss", loss);
  }
};

/// Everything in a run, as the bytes of its checkpoint.
std::string bytes_of(const scratch_directory& scratch, const run& r) {
  r.save(scratch / "bytes");
  return read_text(scratch / "bytes");
}

}  // namespace

TEST_CASE("everything comes back bit for bit, into objects with and without values") {
  const scratch_directory scratch;
  const run saved(true);
  saved.net.table.value().data()[0] = -0.0f;
  saved.net.table.value().data()[1] = std::numeric_limits<float>::denorm_min();
  saved.net.table.value().data()[2] = std::numeric_limits<float>::quiet_NaN();
  saved.save(scratch / "x");
  run fresh(false), used(true);
  fresh.load(scratch / "x");
  dev::fill(used.net.table.value().data(), 12, 7);
  const float* const place = used.net.table.value().data();
  used.load(scratch / "x");
  CHECK(bytes_of(scratch, fresh) == bytes_of(scratch, saved));
  CHECK(bytes_of(scratch, used) == bytes_of(scratch, saved));
  CHECK(used.net.table.value().data() == place);  // memory that an optimizer arranged stays in use
  CHECK(fresh.net.dropout.id == saved.net.dropout.id);
  CHECK(fresh.optimizer.best == 0.1 + 0.2);
  CHECK(fresh.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(fresh.loss == -1.0 / 3);

  const mf::safetensors_file file(scratch / "x");  // readable elsewhere
  CHECK(file.metadata().at("step") == "17");
  CHECK(file.metadata().at("optimizer.steps") == "17");
  CHECK(file.at("model.query.weight").shape == std::vector<mf::isize>{4, 6});
  CHECK(file.at("model.counts").dtype == mf::storage_type::i32);
  CHECK(file.at("optimizer.values").shape == std::vector<mf::isize>{3});
}

TEST_CASE("weights alone, and the weights of a checkpoint") {
  const scratch_directory scratch;
  const run saved(true);
  mf::save_model(scratch / "weights", saved.net);
  saved.save(scratch / "checkpoint");
  run first(false), second(false);
  mf::load_model(scratch / "weights", first.net);
  mf::load_model(scratch / "checkpoint", second.net, "model");
  mf::save_model(scratch / "first", first.net);
  mf::save_model(scratch / "second", second.net);
  CHECK(read_text(scratch / "first") == read_text(scratch / "weights"));
  CHECK(read_text(scratch / "second") == read_text(scratch / "weights"));
  CHECK(
      mentions(message_of<mf::file_error>([&] { mf::load_model(scratch / "checkpoint", first.net); }), "are missing"));
  CHECK(mentions(message_of<mf::file_error>([&] { mf::load_model(scratch / "checkpoint", first.net, "teacher"); }),
                 "'teacher.counts'"));
}

TEST_CASE("a checkpoint that does not fit is refused and nothing changes") {
  const scratch_directory scratch;
  const run saved(true);
  run target(true);
  dev::fill(target.net.table.value().data(), 12, 3);
  target.step = 2;
  const std::string before = bytes_of(scratch, target);
  const auto refusal = [&](auto&& write) {
    write(scratch / "x");
    const auto text = message_of<mf::file_error>([&] { target.load(scratch / "x"); });
    CHECK(bytes_of(scratch, target) == before);
    return text;
  };
  CHECK(mentions(
      refusal([&](auto path) { mf::save_checkpoint(path, "model", saved.net, "step", 1, "seed", 2, "loss", 1.0); }),
      "tensors are missing; expected 'optimizer.values'"));
  CHECK(mentions(refusal([&](auto path) {
                   mf::save_checkpoint(path, "model", saved.net, "optimizer", saved.optimizer, "step", 1, "seed", 2,
                                       "loss", 1.0, "teacher", saved.net);
                 }),
                 "tensors that nothing asks for; got 'teacher."));
  CHECK(mentions(refusal([&](auto path) {
                   mf::save_checkpoint(path, "model", saved.net, "optimizer", saved.optimizer, "sted", 1, "seed", 2,
                                       "loss", 1.0);
                 }),
                 "numbers are missing; expected 'step'; got unknown ones: 'sted'"));
  CHECK(mentions(refusal([&](auto path) {
                   mf::save_checkpoint(path, "model", saved.net, "optimizer", saved.optimizer, "step", 1.5, "seed", 2,
                                       "loss", 1.0);
                 }),
                 "unusable number 'step'; expected one like 2; got '1.5'"));
  CHECK(mentions(refusal([&](auto path) {
                   mf::save_checkpoint(path, "model", saved.net, "optimizer", saved.optimizer, "step", 1, "seed", -1,
                                       "loss", 1.0);
                 }),
                 "unusable number 'seed'"));
  CHECK(mentions(refusal([&](auto path) {
                   momentum other;
                   other.values = mf::zeros<dev>(mf::shape<mf::samples<>>(4));
                   mf::save_checkpoint(path, "model", saved.net, "optimizer", other, "step", 1, "seed", 1, "loss", 1.0);
                 }),
                 "wrong types or shapes; got 'optimizer.values F32 [4] for F32 [3]'"));
  CHECK(mentions(refusal([&](auto path) {
                   small_model<mf::cpu<double>> wide;
                   mf::initialize(wide, 1);
                   mf::save_checkpoint(path, "model", wide, "optimizer", saved.optimizer, "step", 1, "seed", 1, "loss",
                                       1.0);
                 }),
                 "F64 [4, 6] for F32 [4, 6]"));
  saved.save(scratch / "whole");
  const std::string whole = read_text(scratch / "whole");
  for (std::size_t size = 0; size < whole.size(); size += 97)
    CHECK(!refusal([&](auto path) { write_text(path, std::string_view(whole).substr(0, size)); }).empty());
}

TEST_CASE("a checkpoint that cannot be written leaves the old one") {
  const scratch_directory scratch;
  run r(true);
  r.save(scratch / "x");
  const std::string before = read_text(scratch / "x");
  r.step = 18;
  {
    const file_size_limit limit(100);
    CHECK(mentions(message_of<mf::file_error>([&] { r.save(scratch / "x"); }), "cannot write"));
  }
  CHECK(read_text(scratch / "x") == before);
  CHECK(scratch.count() == 1);
  CHECK(mentions(message_of<mf::file_error>([&] { r.save(scratch / "no" / "x"); }), "No such file"));
  run empty(false);
  CHECK(mentions(message_of<mf::argument_error>([&] { empty.save(scratch / "x"); }), "has no values yet"));
  CHECK(mentions(
      message_of<mf::argument_error>([&] { mf::save_checkpoint(scratch / "x", "model", r.net, "model", r.net); }),
      "duplicate name"));
  CHECK(read_text(scratch / "x") == before);
}

}  // namespace test_io_checkpoint
