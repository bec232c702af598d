#include <doctest/doctest.h>

#include <multifuse/core/error.hpp>
#include <string>

namespace test_core_error {

namespace mf = multifuse;

namespace {

template <class E, class Action> std::string text_of(Action action) {
  try {
    action();
  } catch (const E& problem) {
    return problem.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("an error says where, what, expected and got, and leaves out what is empty") {
  CHECK(std::string(mf::error("a", "b", "c", "d").what()) == "a: b; expected c; got d");
  CHECK(std::string(mf::error("a", "b", "", "d").what()) == "a: b; got d");
  CHECK(std::string(mf::error("a", "b", "c", "").what()) == "a: b; expected c");
  CHECK(std::string(mf::error("a", "b", "", "").what()) == "a: b");
}

TEST_CASE("every kind is an error and a std::runtime_error, and no other kind") {
  CHECK_THROWS_AS(throw mf::shape_error("a", "b", "", ""), mf::error);
  CHECK_THROWS_AS(throw mf::argument_error("a", "b", "", ""), mf::error);
  CHECK_THROWS_AS(throw mf::file_error("a", "b", "", ""), mf::error);
  CHECK_THROWS_AS(throw mf::device_error("a", "b", "", ""), std::runtime_error);
  static_assert(!std::is_convertible_v<mf::shape_error*, mf::argument_error*>);
  static_assert(!std::is_convertible_v<mf::file_error*, mf::device_error*>);
}

TEST_CASE("refusals of an axis and of a shape carry names and numbers") {
  CHECK(text_of<mf::shape_error>([] { mf::detail::refuse_extent("linear", "wrong extent of the ", "width", 8, 16); }) ==
        "linear: wrong extent of the width axis; expected 8; got 16");
  CHECK(text_of<mf::shape_error>([] { mf::detail::refuse_extent("shape", "empty ", "batch", 1, -3, "at least "); }) ==
        "shape: empty batch axis; expected at least 1; got -3");
  const std::string_view names[] = {"batch", "width"};
  const mf::isize extents[] = {2, 768};
  CHECK(mf::detail::describe_shape(names, extents, 2) == "[batch 2, width 768]");
  CHECK(mf::detail::describe_shape(names, extents, 0) == "[]");
  CHECK(text_of<mf::shape_error>([&] {
          mf::detail::refuse_shape("tensor", "wrong shape", names, extents, 2, "less");
        }) == "tensor: wrong shape; expected less; got [batch 2, width 768]");
}

}  // namespace test_core_error
