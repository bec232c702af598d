#include <doctest/doctest.h>

#include <atomic>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

namespace test_backend_threads {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

namespace {

using tokens_of_width = mf::shape<mf::batch<>, mf::tokens<>, mf::width<96>>;
using block = mf::transformer_block<dev, 96, 3>;

mf::tensor<dev, tokens_of_width> tokens(isize batch, isize count) {
  mf::tensor<dev, tokens_of_width> x({batch, count});
  for (isize i = 0; i < x.size(); ++i) x.data()[i] = float(mf::normal({1, 2}, i));
  return x;
}

struct step {
  std::vector<float> output, input_gradient, weight_gradient;
  bool operator==(const step&) const = default;
};

/// A forward and a backward pass.
step train(block& model, const mf::tensor<dev, tokens_of_width>& x) {
  mf::tape tape;
  const auto input = mf::watch(tape, x);
  const auto y = model(input);
  model.feed_forward.expand.weight.clear_gradient();
  mf::backward(y, x);
  return {y.value().to_host(), input.gradient().to_host(), model.feed_forward.expand.weight.gradient().to_host()};
}

}  // namespace

TEST_CASE("every part of a computation runs once, whatever the number of threads") {
  for (const isize threads : {1, 2, 3, 8}) {
    const mf::scoped_threads scope(threads);
    for (const isize count : {0, 1, 5, 64, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
      for (int round = 0; round < 50; ++round)
        mf::detail::in_parallel(count, 4, 1, [&](isize first, isize last) {
          for (isize i = first; i < last; ++i) ++seen[std::size_t(i)];
        });
      for (const auto& times : seen) REQUIRE(times == 50);
    }
  }
}

TEST_CASE("a model computes the same bits with any number of threads") {
  block model;
  mf::initialize(model, 3);
  for (const isize batch : {1, 3}) {
    const auto x = tokens(batch, 75);
    const step expected = train(model, x);
    for (const isize threads : {2, 3, 5}) {
      const mf::scoped_threads scope(threads);
      CHECK(train(model, x) == expected);
    }
  }
}

TEST_CASE("several threads use one const model at once, each with its own number of threads") {
  block weights;
  mf::initialize(weights, 4);
  const block& model = weights;
  const auto x = tokens(2, 60);
  const auto expected = model(x).to_host();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> users;
  for (isize user = 0; user < 4; ++user)
    users.emplace_back([&, user] {
      const mf::scoped_threads scope(1 + user % 3);
      for (int round = 0; round < 5; ++round) wrong += model(x).to_host() != expected;
    });
  for (auto& user : users) user.join();
  CHECK(wrong == 0);
}

TEST_CASE("a computation inside a part runs where it is, and what a part throws arrives") {
  const mf::scoped_threads scope(3);
  std::atomic<isize> total = 0;
  mf::detail::in_parallel(6, 1, 1, [&](isize first, isize last) {
    const mf::scoped_threads inner(2);
    mf::detail::in_parallel(10, 1, 1, [&](isize from, isize to) { total += (last - first) * (to - from); });
  });
  CHECK(total == 60);
  CHECK_THROWS_AS(mf::detail::in_parallel(6, 1, 1,
                                          [](isize first, isize) {
                                            if (first > 0) throw std::runtime_error("a part failed");
                                          }),
                  std::runtime_error);
  mf::detail::in_parallel(6, 1, 1, [&](isize first, isize last) { total += last - first; });
  CHECK(total == 66);
}

TEST_CASE("numbers of threads are set for a process and for a scope, and refused") {
  const isize before = mf::threads_in_use();
  mf::use_threads(2);
  CHECK(mf::threads_in_use() == 2);
  {
    const mf::scoped_threads scope(5);
    CHECK(mf::threads_in_use() == 5);
    isize elsewhere = 0;
    std::thread([&] { elsewhere = mf::threads_in_use(); }).join();
    CHECK(elsewhere == 2);
  }
  CHECK(mf::threads_in_use() == 2);
  mf::use_threads(before);
  CHECK_THROWS_AS(mf::use_threads(0), mf::argument_error);
  CHECK_THROWS_AS(mf::scoped_threads(-1), mf::argument_error);
  CHECK_THROWS_AS(mf::detail::checked_threads("MULTIFUSE_THREADS", 0, "many"), mf::argument_error);
}

}  // namespace test_backend_threads
