#include <multifuse/train/data_order.hpp>

#include <doctest/doctest.h>

#include <algorithm>

#include "io/scratch_directory.hpp"

namespace test_train_data_order {

namespace mf = multifuse;

TEST_CASE("a shuffle is a permutation that depends on the key alone") {
  for (const mf::isize n : {0, 1, 2, 100}) {
    auto order = mf::shuffled({3, 4}, n);
    CHECK(order == mf::shuffled({3, 4}, n));
    if (n == 100) CHECK(order != mf::shuffled({3, 5}, n));
    std::sort(order.begin(), order.end());
    for (mf::isize i = 0; i < n; ++i) CHECK(order[std::size_t(i)] == i);
  }
  // every permutation of three comes up about as often
  std::vector<int> counts(27, 0);
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    const auto order = mf::shuffled({seed, 1}, 3);
    ++counts[std::size_t(order[0] * 9 + order[1] * 3 + order[2])];
  }
  for (const int count : counts) CHECK((count == 0 || (count > 850 && count < 1150)));
  CHECK(std::count(counts.begin(), counts.end(), 0) == 21);
  CHECK(mentions(message_of<mf::argument_error>([] { mf::shuffled({}, -1); }), "unusable count"));
}

TEST_CASE("an epoch sees no sample twice, another one has another order, any step can be asked for") {
  mf::batch_order order({7, 7}, 23, 5);
  CHECK(order.steps_per_epoch() == 4);
  std::vector<std::vector<mf::isize>> epochs(2);
  for (mf::isize step = 0; step < 8; ++step) {
    const auto items = order(step);
    CHECK(items.size() == 5);
    mf::batch_order fresh({7, 7}, 23, 5);
    CHECK(std::ranges::equal(fresh(step), items));
    auto& epoch = epochs[std::size_t(step / 4)];
    epoch.insert(epoch.end(), items.begin(), items.end());
  }
  CHECK(epochs[0] != epochs[1]);
  for (auto& epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    CHECK(std::adjacent_find(epoch.begin(), epoch.end()) == epoch.end());
    CHECK(epoch.front() >= 0);
    CHECK(epoch.back() < 23);
  }
}

TEST_CASE("unusable batches are refused") {
  const auto refusal = [](mf::isize samples, mf::isize batch_size) {
    return message_of<mf::argument_error>([&] { mf::batch_order order({}, samples, batch_size); });
  };
  CHECK(refusal(5, 5).empty());
  CHECK(mentions(refusal(5, 6), "unusable batch size; expected 1 ... 5; got 6"));
  CHECK(mentions(refusal(5, 0), "unusable batch size"));
  CHECK(mentions(refusal(0, 1), "unusable batch size"));
  mf::batch_order order({}, 5, 2);
  CHECK(mentions(message_of<mf::argument_error>([&] { order(-1); }), "negative step"));
}

}  // namespace test_train_data_order
