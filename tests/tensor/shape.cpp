#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <multifuse/tensor/shape.hpp>
#include <type_traits>

namespace test_tensor_shape {

namespace mf = multifuse;
using mf::isize;

namespace {

using video = mf::shape<mf::batch<>, mf::tokens<196>, mf::width<768>>;
using free_tokens = mf::shape<mf::batch<>, mf::tokens<>, mf::width<4>>;

template <class Action> std::string refusal(Action action) {
  try {
    action();
  } catch (const mf::shape_error& problem) {
    return problem.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("static and dynamic extents mix, and all questions are answered in constant expressions") {
  constexpr video s(8);
  static_assert(video::rank == 3 && video::dynamic_axes == 1);
  static_assert(s[0] == 8 && s[1] == 196 && s[2] == 768);
  static_assert(s.extent<mf::batch_axis>() == 8 && s.extent<mf::width_axis>() == 768);
  static_assert(video::static_extent<mf::batch_axis>() == mf::dynamic);
  static_assert(video::static_extent<mf::tokens_axis>() == 196);
  static_assert(video::has<mf::width_axis> && !video::has<mf::heads_axis>);
  static_assert(video::position<mf::width_axis>() == 2 && video::position<mf::heads_axis>() == video::rank);
  static_assert(s.size() == 8 * 196 * 768 && s.last() == 768 && s.leading() == 8 * 196);
  static_assert(s.product(1, 3) == 196 * 768 && s.product(2, 2) == 1);
  static_assert(s == video(8) && !(s == video(9)));
  static_assert(free_tokens(2, 3).extents() == std::array<isize, 3>{2, 3, 4});
  CHECK(s.to_string() == "[batch 8, tokens 196, width 768]");
}

TEST_CASE("a shape is built from exactly its dynamic extents") {
  static_assert(std::is_constructible_v<video, int> && !std::is_constructible_v<video, int, int>);
  static_assert(std::is_constructible_v<free_tokens, int, isize> && !std::is_constructible_v<free_tokens, int>);
  static_assert(!std::is_constructible_v<mf::shape<mf::width<3>>, int>);
  static_assert(!std::is_constructible_v<video, double>);
  static_assert(!std::is_convertible_v<int, video>);  // a number is not taken for a shape by accident
  const free_tokens braces = {2, 3};
  CHECK(braces == free_tokens(2, 3));
  CHECK(free_tokens(std::uint8_t(2), 3L) == free_tokens(2, 3));
}

TEST_CASE("the shape of a number") {
  constexpr mf::scalar_shape s;
  static_assert(s.size() == 1 && s.last() == 1 && s.leading() == 1 && s.rank == 0);
  static_assert(mf::scalar_shape::from({}) == s);
  CHECK(s.to_string() == "[]");
}

TEST_CASE("a default-constructed shape is complete if it is static, and empty otherwise") {
  static_assert(mf::shape<mf::tokens<3>, mf::width<4>>{}.size() == 12);
  static_assert(free_tokens{}.size() == 0 && free_tokens{}[2] == 4);
  CHECK(free_tokens{}.to_string() == "[batch 0, tokens 0, width 4]");
}

TEST_CASE("zero, negative and uncountable extents are refused by name") {
  CHECK(refusal([] { video(0); }) == "shape: empty batch axis; expected at least 1; got 0");
  CHECK(refusal([] { free_tokens(2, -5); }) == "shape: empty tokens axis; expected at least 1; got -5");
  CHECK(refusal([] { free_tokens(2, std::numeric_limits<std::size_t>::max()); }) ==
        "shape: empty tokens axis; expected at least 1; got -1");
  CHECK(refusal([] { free_tokens(isize(1) << 40, isize(1) << 40); }) ==
        "shape: too many elements; expected at most 2^56; got [batch 1099511627776, tokens 1099511627776, width 4]");
  CHECK(refusal([] { free_tokens::from({isize(1) << 62, 1, 4}); }).find("too many elements") != std::string::npos);
  CHECK(refusal([] { mf::shape<mf::samples<>>((isize(1) << 56) + 1); }) != "accepted");
  CHECK(mf::shape<mf::samples<>>(isize(1) << 56).size() == isize(1) << 56);
}

TEST_CASE("`from` takes all extents and refuses those that contradict the type") {
  static_assert(video::from({3, 196, 768}) == video(3));
  CHECK(refusal([] { video::from({3, 197, 768}); }) == "shape: wrong extent of the tokens axis; expected 196; got 197");
  CHECK(refusal([] { video::from({3, 196, 1}); }) == "shape: wrong extent of the width axis; expected 768; got 1");
  CHECK(refusal([] { video::from({0, 196, 768}); }) == "shape: empty batch axis; expected at least 1; got 0");
}

TEST_CASE("a shape can refuse itself in a message of its own") {
  CHECK(refusal([] { free_tokens(2, 3).refuse("layer", "wrong shape", "another"); }) ==
        "layer: wrong shape; expected another; got [batch 2, tokens 3, width 4]");
}

TEST_CASE("types of shapes are rewritten by axis") {
  using mf::shape;
  static_assert(std::is_same_v<mf::exchange_axis<video, mf::tokens_axis, mf::rows<14>, mf::columns<14>>,
                               shape<mf::batch<>, mf::rows<14>, mf::columns<14>, mf::width<768>>>);
  static_assert(std::is_same_v<mf::exchange_axis<video, mf::tokens_axis>, shape<mf::batch<>, mf::width<768>>>);
  static_assert(std::is_same_v<mf::exchange_axis<video, mf::heads_axis, mf::rows<1>>, video>);
  static_assert(std::is_same_v<mf::exchange_axis<shape<mf::width<2>>, mf::width_axis>, shape<>>);
  static_assert(
      std::is_same_v<mf::resize_axis<video, mf::width_axis, 5>, shape<mf::batch<>, mf::tokens<196>, mf::width<5>>>);
  static_assert(std::is_same_v<mf::resize_axis<video, mf::tokens_axis, mf::dynamic>,
                               shape<mf::batch<>, mf::tokens<>, mf::width<768>>>);
  static_assert(std::is_same_v<mf::join_shapes<shape<mf::batch<>>, shape<>, shape<mf::rows<2>, mf::columns<3>>>,
                               shape<mf::batch<>, mf::rows<2>, mf::columns<3>>>);
  static_assert(std::is_same_v<mf::join_shapes<>, shape<>>);
  static_assert(std::is_same_v<mf::last_tag<video>, mf::width_axis>);
  static_assert(std::is_same_v<mf::last_tag<shape<mf::batch<>>>, mf::batch_axis>);
  static_assert(mf::is_shape<video> && mf::is_shape<shape<>> && !mf::is_shape<int>);
  CHECK(mf::is_shape<video>);
}

TEST_CASE("with_extent exchanges one extent and keeps the others") {
  using longer = mf::resize_axis<video, mf::tokens_axis, 197>;
  static_assert(mf::with_extent<longer, mf::tokens_axis>(video(3), 197) == longer(3));
  CHECK(refusal([] { mf::with_extent<longer, mf::tokens_axis>(video(3), 198); }) ==
        "shape: wrong extent of the tokens axis; expected 197; got 198");
}

TEST_CASE("the message of a refused extent lets dynamic extents pass") {
  static_assert(mf::extent_mismatch<void, mf::width_axis, 4, 4>::value);
  static_assert(mf::extent_mismatch<void, mf::width_axis, mf::dynamic, 4>::value);
  static_assert(mf::extent_mismatch<void, mf::width_axis, 4, mf::dynamic>::value);
  static_assert(!mf::extent_mismatch<void, mf::width_axis, 4, 1>::value);
  CHECK(!mf::extent_mismatch<void, mf::width_axis, 4, 5>::value);
}

}  // namespace test_tensor_shape
