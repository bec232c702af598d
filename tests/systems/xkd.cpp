#include "multifuse/systems/xkd.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace test_systems_xkd {

namespace mf = multifuse;
namespace xkd = multifuse::xkd;
using doctest::Approx;

TEST_CASE("the rate warms up and falls to nothing, teachers follow ever more slowly") {
  const xkd::recipe published{.steps = 800, .warm_up = 30};
  CHECK(published.rate(0) == 0);
  CHECK(published.rate(15) == 0.5);
  CHECK(published.rate(30) == 1);
  CHECK(published.rate(30 + 385) == Approx(0.5));  // half way down
  CHECK(published.rate(800) == 0);
  CHECK(published.decay(0) == Approx(0.997));
  CHECK(published.decay(400) == Approx(0.9985));
  CHECK(published.decay(800) == 1);
  CHECK(xkd::recipe{.steps = 10, .warm_up = 1, .first_decay = 0.9}.decay(5) == Approx(0.95));
}

TEST_CASE("teachers' temperatures rise only where blocks are shared; what was chosen stays") {
  const xkd::settings chosen{.alignment = 0, .refine = mf::refinement::softmax};
  const xkd::recipe apart{.steps = 800, .warm_up = 30};
  const xkd::recipe shared{.steps = 800, .warm_up = 30, .shared = xkd::sharing::students};
  for (const mf::isize step : {0, 15, 30, 700}) {
    const xkd::settings same = apart.at(step, chosen), now = shared.at(step, chosen);
    CHECK(same.to_audio.teacher == 0.1);
    CHECK(same.to_video.teacher == 0.07);
    const double risen = std::min(1.0, double(step) / 30);
    CHECK(now.to_audio.teacher == Approx(0.09 + 0.02 * risen));  // the video teacher teaches audio
    CHECK(now.to_video.teacher == Approx(0.04 + 0.02 * risen));
    for (const xkd::settings& one : {same, now}) {
      CHECK(one.to_audio.student == 0.1);
      CHECK(one.to_video.student == 0.1);
      CHECK(one.alignment == 0);
      CHECK(one.reconstruction == 5);
      CHECK(one.refine == mf::refinement::softmax);
    }
  }
}

}  // namespace test_systems_xkd
