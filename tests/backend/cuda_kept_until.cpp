#include <doctest/doctest.h>

#include <memory>
#include <multifuse/backend/cuda/kept_until.hpp>

namespace test_backend_cuda_kept_until {

namespace {

struct flag_event {
  std::shared_ptr<bool> flag;
  bool reached() const { return *flag; }
};

}  // namespace

TEST_CASE("memory of a copy under way is kept until its event is reached, and dropped at the next copy") {
  multifuse::detail::kept_until<flag_event, std::shared_ptr<int>> kept;
  const auto first_done = std::make_shared<bool>(false), second_done = std::make_shared<bool>(false);
  const auto first = std::make_shared<int>(1), second = std::make_shared<int>(2);
  kept.add({first_done}, first);
  kept.add({second_done}, second);
  CHECK(kept.count() == 2);
  CHECK(first.use_count() == 2);
  *first_done = true;
  kept.add({std::make_shared<bool>(false)}, nullptr);
  CHECK(kept.count() == 2);
  CHECK(first.use_count() == 1);
  CHECK(second.use_count() == 2);
}

}  // namespace test_backend_cuda_kept_until
