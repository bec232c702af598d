// One model, several threads: what parameter.hpp and memory_pool.hpp promise. Run under a thread sanitizer as well.
#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/mlp.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/members.hpp>
#include <mutex>
#include <thread>
#include <vector>

namespace test_tape_threads {

namespace mf = multifuse;
using mf::isize;

namespace {

using dev = mf::cpu<float>;
using network = mf::mlp<dev, 6, 10>;
using input = mf::shape<mf::batch<>, mf::width<6>>;

mf::tensor<dev, input> ramp(isize items, float shift) {
  const mf::tensor<dev, input> x{input(items)};
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = float(i % 11) / 11.0f + shift;
  return x;
}

template <class Work> void in_threads(int count, Work work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) threads.emplace_back([&work, t] { work(t); });
  for (std::thread& each : threads) each.join();
}

std::vector<float> gradient_of(const network& model, int part, std::mutex& backward_turn, mf::tape& tape) {
  tape.clear();
  const auto loss = mf::mean(mf::square(model(mf::record(tape, ramp(3 + part, 0.1f * float(part))))));
  const std::lock_guard turn(backward_turn);
  mf::backward(loss);
  return model.expand.weight.gradient().to_host();
}

}  // namespace

TEST_CASE("a const model is evaluated by several threads at once") {
  network model;
  mf::initialize(model, 1);
  const network& shared = model;
  std::vector<std::vector<float>> expected, found(4);
  for (int t = 0; t < 4; ++t) expected.push_back(shared(ramp(2 + t, 0.2f)).to_host());
  in_threads(4, [&](int t) {
    for (int i = 0; i < 200; ++i) found[std::size_t(t)] = shared(ramp(2 + t, 0.2f)).to_host();
  });
  CHECK(found == expected);
}

TEST_CASE("two tapes record one model at once, and take turns at backward: the gradients of both are there") {
  network model;
  mf::initialize(model, 1);
  std::mutex turn;
  std::vector<float> expected;
  for (int part = 0; part < 2; ++part) {
    mf::tape tape;
    const auto gradient = gradient_of(model, part, turn, tape);  // of this part and those before it
    if (part == 1) expected = gradient;
  }
  mf::clear_gradients(model);
  in_threads(2, [&](int part) {
    mf::tape tape;
    for (int i = 0; i < 50; ++i) gradient_of(model, part, turn, tape);
  });
  const auto found = model.expand.weight.gradient().to_host();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(50 * expected[i]).epsilon(1e-3));
}

TEST_CASE("copies of a model train in parallel without any turns") {
  network model;
  mf::initialize(model, 1);
  std::vector<std::vector<float>> alone(3), together(3);
  const auto train = [&](int t, std::vector<std::vector<float>>& results) {
    network own = model;
    mf::tape tape;
    std::mutex nobody_else;
    for (int i = 0; i < 50; ++i) {
      mf::clear_gradients(own);
      gradient_of(own, t, nobody_else, tape);
      mf::for_each_member(own, [](auto& leaf) {
        const auto gradient = leaf.gradient();
        for (isize e = 0; e < leaf.count; ++e) leaf.value().data()[e] -= 0.1f * gradient.data()[e];
      });
    }
    results[std::size_t(t)] = own.expand.weight.value().to_host();
  };
  for (int t = 0; t < 3; ++t) train(t, alone);
  in_threads(3, [&](int t) { train(t, together); });
  CHECK(alone == together);
  CHECK(alone[0] != alone[1]);
}

TEST_CASE("tensors made in one thread are released in another") {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  const isize before = pool.statistics().in_use;
  {
    std::vector<mf::tensor<dev, input>> made(200);
    in_threads(4, [&](int t) {
      for (std::size_t i = std::size_t(t); i < made.size(); i += 4) made[i] = ramp(isize(i) + 1, float(i));
    });
    in_threads(4, [&](int t) {
      for (std::size_t i = std::size_t(t + 1) % 4; i < made.size(); i += 4) {
        if (made[i].size() != isize(i + 1) * 6) std::abort();
        made[i] = {};
      }
    });
  }
  CHECK(pool.statistics().in_use == before);
}

}  // namespace test_tape_threads
