// Replaces operator new of the whole program by one that counts.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/mlp.hpp>
#include <multifuse/layers/transformer_block.hpp>
#include <multifuse/losses/cross_entropy.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/tape/members.hpp>
#include <multifuse/train/adam.hpp>
#include <new>

namespace {

std::atomic<long> requests = 0;

void* counted(std::size_t bytes, std::size_t alignment) noexcept {
  requests.fetch_add(1, std::memory_order_relaxed);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes ? bytes : 1);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void* counted_or_thrown(std::size_t bytes, std::size_t alignment) {
  void* const address = counted(bytes, alignment);
  if (!address) throw std::bad_alloc();
  return address;
}
// Out of line: where a compiler sees `free` behind `new`, it takes it for a mistake.
[[gnu::noinline]] void released(void* address) noexcept { std::free(address); }

}  // namespace

void* operator new(std::size_t n) { return counted_or_thrown(n, 1); }
void* operator new[](std::size_t n) { return counted_or_thrown(n, 1); }
void* operator new(std::size_t n, std::align_val_t a) { return counted_or_thrown(n, std::size_t(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return counted_or_thrown(n, std::size_t(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 1); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 1); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return counted(n, std::size_t(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return counted(n, std::size_t(a));
}
void operator delete(void* p) noexcept { released(p); }
void operator delete[](void* p) noexcept { released(p); }
void operator delete(void* p, std::size_t) noexcept { released(p); }
void operator delete[](void* p, std::size_t) noexcept { released(p); }
void operator delete(void* p, std::align_val_t) noexcept { released(p); }
void operator delete[](void* p, std::align_val_t) noexcept { released(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { released(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { released(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { released(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { released(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { released(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { released(p); }

namespace test_tape_no_allocation {

namespace mf = multifuse;

namespace {

using dev = mf::cpu<float>;
using input = mf::shape<mf::batch<>, mf::tokens<>, mf::width<8>>;

struct asked {
  long program;
  mf::isize pool;
};

/// What ten runs of a step asked for after two.
template <class Step> asked in_steady_state(Step step) {
  auto& pool = mf::memory_pool<mf::cpu_memory>::instance();
  for (int i = 0; i < 2; ++i) step();
  const long before = requests;
  const mf::isize pool_before = pool.statistics().system_allocations;
  for (int i = 0; i < 10; ++i) step();
  return {requests - before, pool.statistics().system_allocations - pool_before};
}

mf::tensor<dev, input> ramp(mf::isize items, mf::isize count) {
  mf::tensor<dev, input> x({items, count});
  for (mf::isize i = 0; i < x.size(); ++i) x.data()[i] = float(i % 7) / 7.0f - 0.4f;
  return x;
}

struct classifier {
  mf::transformer_block<dev, 8, 2> block;
  mf::linear<dev, 8, 5> head;
  mf::random_stream stream;
  void members(auto&& visit) { visit("block", block), visit("head", head), visit("stream", stream); }
  auto operator()(const auto& x) const { return head(mf::mean<mf::tokens_axis>(mf::dropout(block(x), 0.1, stream))); }
};

}  // namespace

TEST_CASE("the counter counts") {
  const long before = requests;
  ::operator delete(::operator new(1));  // an expression `new int` might be optimized away
  ::operator delete(::operator new(1, std::align_val_t(64), std::nothrow), std::align_val_t(64));
  const mf::tensor<dev, mf::shape<mf::samples<>>> never_seen_size(mf::shape<mf::samples<>>(1234567));
  CHECK(requests - before >= 4);  // two, the pool's block, and its memory
}

TEST_CASE("a training step asks nobody for memory in steady state: linear layers, expressions, a squared error") {
  mf::mlp<dev, 8, 13> model;
  mf::initialize(model, 1);
  const auto x = ramp(3, 4);
  mf::tape tape;
  const auto asked = in_steady_state([&] {
    tape.clear();
    mf::clear_gradients(model);
    const auto y = model(mf::record(tape, x));
    mf::backward(mf::mean(mf::square(y - x)));
  });
  CHECK(asked.program == 0);
  CHECK(asked.pool == 0);
}

TEST_CASE("a training step asks nobody for memory in steady state: transformer, dropout, cross-entropy, Adam") {
  classifier model;
  mf::initialize(model, 1);
  model.block.drop_path_rate = 0.1;
  mf::adam<dev> optimizer(model, {.weight_decay = 0.01});
  const auto x = ramp(4, 6);
  const mf::tensor<mf::cpu<std::int32_t>, mf::shape<mf::batch<>>> labels(mf::shape<mf::batch<>>(4),
                                                                         std::vector<std::int32_t>{0, 1, 4, 2});
  mf::tape tape;
  std::uint64_t step = 0;
  const auto asked = in_steady_state([&] {
    tape.restart({.training = true, .random = mf::random_key{1, 2}.split(step++)});
    optimizer.zero_gradients();
    mf::backward(mf::cross_entropy(model(mf::record(tape, x)), labels));
    optimizer.step(1e-3);
  });
  CHECK(asked.program == 0);
  CHECK(asked.pool == 0);
}

TEST_CASE("inference asks nobody for memory in steady state") {
  classifier model;
  mf::initialize(model, 1);
  const auto x = ramp(4, 6);
  double seen = 0;
  const auto asked = in_steady_state([&] { seen += double(model(x).data()[0]); });
  CHECK(asked.program == 0);
  CHECK(asked.pool == 0);
  CHECK(seen != 0);
}

TEST_CASE("batches of alternating sizes are served from the pool too") {
  classifier model;
  mf::initialize(model, 1);
  const auto small = ramp(2, 3), large = ramp(5, 6);
  mf::tape tape;
  const auto asked = in_steady_state([&] {
    for (const auto& x : {small, large}) {
      tape.clear();
      mf::clear_gradients(model);
      mf::backward(mf::mean(mf::square(model(mf::record(tape, x)))));
    }
  });
  CHECK(asked.program == 0);
  CHECK(asked.pool == 0);
}

}  // namespace test_tape_no_allocation
