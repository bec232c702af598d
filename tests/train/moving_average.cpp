#include <multifuse/train/moving_average.hpp>

#include <doctest/doctest.h>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_moving_average {

namespace mf = multifuse;
using namespace two_sensors;
using dev = mf::cpu<double>;

TEST_CASE("weights are averaged, buffers copied, the model untouched") {
  model<dev> student;
  mf::initialize(student, 1);
  mf::moving_average teacher(student, 0.9);
  CHECK(values_of(teacher.model()) == values_of(student));
  CHECK(teacher.model().first.weight.value().data() != student.first.weight.value().data());
  CHECK(teacher.model().noise.id == student.noise.id);
  double expected = student.first.weight.value().data()[3];
  for (int step = 1; step <= 4; ++step) {
    student.first.weight.value().data()[3] = step;
    student.seen.value().data()[0] = 10 * step;
    teacher.update(student);
    expected = 0.9 * expected + (1 - 0.9) * step;
    CHECK(std::abs(teacher.model().first.weight.value().data()[3] - expected) < 1e-15);
    CHECK(teacher.model().seen.value().data()[0] == 10 * step);
    CHECK(student.first.weight.value().data()[3] == step);
  }
  teacher.set_decay(0);
  teacher.update(student);
  CHECK(values_of(teacher.model()) == values_of(student));
  teacher.set_decay(1);
  student.first.weight.value().data()[3] = 99;
  teacher.update(student);
  CHECK(teacher.model().first.weight.value().data()[3] == 4);
}

TEST_CASE("the average is a constant in a recorded pass") {
  model<dev> student;
  mf::initialize(student, 1);
  const mf::moving_average teacher(student, 0.9);
  mf::for_each_named_member(teacher.model(), [](std::string_view, const auto& leaf) {
    if constexpr (mf::is_parameter<std::remove_cvref_t<decltype(leaf)>>) CHECK(!leaf.trainable());
  });
  CHECK(student.first.weight.trainable());
}

TEST_CASE("bad decays and models without values are refused") {
  model<dev> student;
  for (const double decay : {-0.1, 1.1, std::nan("")})
    CHECK(mentions(message_of<mf::argument_error>([&] { mf::moving_average teacher(student, decay); }),
                   "unusable decay"));
  mf::moving_average teacher(student, 0.5);
  CHECK(mentions(message_of<mf::argument_error>([&] { teacher.update(student); }), "has no values yet"));
}

}  // namespace test_train_moving_average
