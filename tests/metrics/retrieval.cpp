#include "multifuse/metrics/retrieval.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <vector>

namespace test_metrics_retrieval {

namespace mf = multifuse;
using values = std::vector<float>;
using labels = std::vector<mf::isize>;
using ranks = std::vector<double>;

namespace {
// Ranks of the first correct item over every order of the items that respects the similarities: mean and largest.
std::pair<double, double> over_all_orders(std::span<const float> row, const std::vector<bool>& correct) {
  std::vector<std::size_t> priority(row.size());
  std::iota(priority.begin(), priority.end(), std::size_t{0});
  double sum = 0, ways = 0, largest = 0;
  do {
    std::vector<std::size_t> order(row.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return row[a] > row[b] || (row[a] == row[b] && priority[a] < priority[b]);
    });
    double rank = 1;
    while (!correct[order[static_cast<std::size_t>(rank) - 1]]) ++rank;
    sum += rank;
    largest = std::max(largest, rank);
    ++ways;
  } while (std::next_permutation(priority.begin(), priority.end()));
  return {sum / ways, largest};
}
}  // namespace

TEST_CASE("ranks of pairs") {
  const values similarity{0.9f, 0.1f, 0.2f,   // item 0 first
                          0.5f, 0.4f, 0.6f,   // item 1 third
                          0.3f, 0.7f, 0.5f};  // item 2 second
  const auto r = mf::retrieval_ranks(similarity, 3, mf::paired_items{});
  CHECK(r == ranks{1, 3, 2});
  CHECK(mf::recall_at(r, 1) == doctest::Approx(1.0 / 3));
  CHECK(mf::recall_at(r, 2) == doctest::Approx(2.0 / 3));
  CHECK(mf::recall_at(r, 3) == 1);
  CHECK(mf::median_rank(r) == 2);
  CHECK(mf::median_rank(ranks{4, 1, 2, 9}) == 3);
  CHECK(mf::median_rank(ranks{7}) == 7);
  CHECK(mf::mean_rank(r) == 2);
  CHECK(mf::mean_rank(ranks{4, 1}) == 2.5);
  CHECK(mf::recall_at(r, 2, 1) == doctest::Approx(2.0 / 4));  // a query that could not be asked is a miss
}

TEST_CASE("a constant model retrieves nothing by luck") {
  const values similarity(4 * 4, 0.5f);
  const auto worst = mf::retrieval_ranks(similarity, 4, mf::paired_items{});
  CHECK(worst == ranks(4, 4.0));
  CHECK(mf::recall_at(worst, 3) == 0);
  CHECK(mf::retrieval_ranks(similarity, 4, mf::paired_items{}, mf::ties::average) == ranks(4, 2.5));
}

TEST_CASE("several items may be correct; ties agree with every way of breaking them") {
  std::mt19937 random(4);
  const std::size_t queries = 60, items = 6;
  values similarity(queries * items);
  labels query_labels(queries), item_labels{0, 1, 2, 1, 0, 0};
  for (float& s : similarity) s = static_cast<float>(random() % 4) - 2;
  for (mf::isize& label : query_labels) label = static_cast<mf::isize>(random() % 3);
  const mf::same_label relevant{query_labels, item_labels};
  const auto worst = mf::retrieval_ranks(similarity, items, relevant);
  const auto average = mf::retrieval_ranks(similarity, items, relevant, mf::ties::average);
  for (std::size_t q = 0; q < queries; ++q) {
    std::vector<bool> correct;
    for (mf::isize label : item_labels) correct.push_back(label == query_labels[q]);
    const auto [mean, largest] = over_all_orders(std::span(similarity).subspan(q * items, items), correct);
    CHECK(average[q] == doctest::Approx(mean));
    // with several correct items the worst rule is the worst order of wrong before correct
    CHECK(worst[q] == largest);
  }
  CHECK(mf::retrieval_ranks(values{1, 2, 3}, 3, [](mf::isize, mf::isize item) { return item != 2; }) == ranks{2});
}

TEST_CASE("retrieval refuses bad input") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(mf::retrieval_ranks({}, 3, mf::paired_items{}), mf::shape_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values(4), 3, mf::paired_items{}), mf::shape_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values(4), 0, mf::paired_items{}), mf::shape_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values{1, nan, 0, 1}, 2, mf::paired_items{}), mf::argument_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values(3), 1, mf::paired_items{}), mf::argument_error);
  const labels two{0, 1}, three{0, 1, 2}, other{5, 5};
  CHECK_THROWS_AS(mf::retrieval_ranks(values(4), 2, mf::same_label{three, two}), mf::shape_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values(4), 2, mf::same_label{two, three}), mf::shape_error);
  CHECK_THROWS_AS(mf::retrieval_ranks(values(4), 2, mf::same_label{two, other}), mf::argument_error);
  CHECK_THROWS_AS(mf::recall_at({}, 1), mf::argument_error);
  CHECK_THROWS_AS(mf::recall_at(ranks{1}, 0), mf::argument_error);
  CHECK_THROWS_AS(mf::recall_at(ranks{1}, 1, -1), mf::argument_error);
  CHECK_THROWS_AS(mf::median_rank({}), mf::argument_error);
  CHECK_THROWS_AS(mf::mean_rank({}), mf::argument_error);
}

}  // namespace test_metrics_retrieval
