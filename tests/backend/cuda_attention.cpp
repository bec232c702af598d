// The kernels of fused attention on a GPU, without one: their blocks run on the host, thread by thread.
#include "../support/attention_cases.hpp"
#include "../support/emulated_blocks.hpp"

namespace test_backend_cuda_attention {

namespace mf = multifuse;
using mf::isize;
using namespace check::attention;

namespace {

/// Against the definition, with threads in both orders, which must give the same bits.
template <class T> void compare(const sizes& n, double tolerance, isize multiprocessors = 4) {
  using device = check::emulated_gpu<T>;
  device::processors = multiprocessors;
  problem<T> found(n), again(n);
  device::descending = false;
  found.template compute<device>();
  check_all("emulated", found, reference(problem<T>(n)), tolerance);
  device::descending = true;
  again.template compute<device>();
  check_same_bits(again, found);
}

}  // namespace

TEST_CASE("device attention of heads of several widths") {
  for (const isize head : {3, 32, 40}) compare<float>({1, 2, 20, 21, head, head}, 1e-5);
  compare<float>({1, 1, 18, 5, 132, 70}, 1e-5);  // several parts of depth, a wide result
  compare<float>({1, 2, 18, 70, 8, 136}, 1e-5);  // several wide parts of the result
  compare<float>({1, 1, 3, 5, 8, 130}, 1e-5);    // several narrow ones
  compare<double>({1, 1, 17, 70, 4, 66}, 1e-13, 20);
  compare<double>({1, 2, 17, 19, 18, 20}, 1e-13);
}

TEST_CASE("device attention beside the borders of tiles") {
  compare<float>({1, 1, 65, 64, 8, 8}, 1e-5);
  compare<float>({1, 1, 1, 1, 4, 4}, 1e-5);
  compare<double>({1, 1, 33, 65, 4, 4}, 1e-13);
}

TEST_CASE("device attention: a handful of queries and many keys, and the other way round, in parts") {
  compare<float>({1, 2, 4, 300, 8, 8, bias_kind::of_keys, true}, 1e-5, 20);
  compare<float>({1, 1, 200, 3, 8, 8, bias_kind::of_queries}, 1e-5, 20);
  compare<double>({1, 1, 3, 200, 4, 6, bias_kind::none, true}, 1e-13, 20);  // whole parts are hidden
}

TEST_CASE("device attention: biases of all kinds") {
  for (const auto bias : all_biases)
    compare<float>({4, 2, 5, 19, 8, 4, bias, bias == bias_kind::of_all}, 1e-5);
  compare<float>({2, 1, 70, 66, 4, 4, bias_kind::of_keys}, 2e-5);
  compare<float>({2, 1, 66, 70, 4, 4, bias_kind::of_queries}, 2e-5);
}

TEST_CASE("device attention: a query without a key has a normalizer of minus infinity, NaN has not") {
  for (const isize processors : {1, 20}) {
    check::emulated_gpu<float>::processors = processors;
    check_hidden_queries<check::emulated_gpu<float>>();
  }
}

TEST_CASE("items with biases at equal distances are one run") {
  using mf::detail::run_of_items;
  const isize pairs[] = {0, 5, 0, 5, 10, 15, 15, 15};
  const auto agrees = [&](isize first, isize count, isize step) {
    const auto run = run_of_items(pairs, 8, first);
    return run.first == first && run.count == count && run.step == step;
  };
  CHECK(agrees(0, 2, 5));
  CHECK(agrees(2, 4, 5));
  CHECK(agrees(6, 2, 0));
  CHECK(agrees(7, 1, 0));
  CHECK(run_of_items(nullptr, 9, 0).count == 9);
}

TEST_CASE("items that share a bias are divided only where there are too few tiles of it") {
  mf::attention_arguments<float> a{
      512, 4, 49, 49, 32, 32, 1, nullptr, nullptr, nullptr, {nullptr, 49 * 49, 49, 1}, nullptr, nullptr};
  const auto shared = mf::detail::plan_bias_gradient(a, 0, 132);
  CHECK(shared.elements == 4 * 49 * 49);
  CHECK(shared.parts == 66);
  CHECK(shared.blocks() == 4 * 66);
  CHECK(mf::detail::plan_bias_gradient(a, 1, 132).blocks() == 512 * 4);
  a.bias.head = a.bias.query = 0;
  CHECK(mf::detail::plan_bias_gradient(a, 0, 1).parts == 2);
  CHECK(mf::detail::plan_bias_gradient(a, 0, 132).elements == 49);
}

TEST_CASE("columns are divided only where there are too few tiles of rows") {
  const auto few = mf::detail::plan_attention<float>(12, 4, 4096, 64, 132);
  CHECK(few.rows_of_tile == 8);
  CHECK(few.parts == 22);
  CHECK(few.columns_of_part == 192);
  CHECK(few.blocks() == 12 * 22);
  const auto many = mf::detail::plan_attention<float>(96, 1569, 1569, 64, 132);
  CHECK(many.rows_of_tile == 64);
  CHECK(many.parts == 1);
  CHECK(many.blocks() == 96 * 25);
  CHECK(mf::detail::plan_attention<float>(12, 4096, 4, 64, 132).parts == 1);
  CHECK(mf::detail::plan_attention<double>(1, 17, 1000, 130, 1).blocks() == 3);
  CHECK(mf::detail::plan_attention<double>(1, 17, 1000, 130, 1, true).blocks() == 2);
  CHECK(mf::detail::plan_attention<double>(1, 3, 1, 130, 1, true).blocks() == 3);
}

}  // namespace test_backend_cuda_attention
