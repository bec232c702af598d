#include <doctest/doctest.h>

#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/copy_model.hpp>

namespace test_tape_copy_model {

namespace mf = multifuse;

namespace {

template <class D, mf::isize Width = 3> struct small_model {
  mf::parameter<D, mf::width<Width>> weight{mf::init::normal(1)};
  mf::parameter<D, mf::width<2>> frozen{mf::init::normal(1)};
  mf::buffer<D, mf::width<2>> mean{mf::init::constant(0.25)};
  mf::random_stream stream;
  constexpr void members(auto&& visit) {
    visit("weight", weight), visit("frozen", frozen), visit("mean", mean), visit("stream", stream);
  }
};

template <class D> struct shorter_model {
  mf::parameter<D, mf::width<3>> weight;
  constexpr void members(auto&& visit) { visit("weight", weight); }
};

template <class D> struct renamed_model {
  mf::parameter<D, mf::width<3>> scale;
  constexpr void members(auto&& visit) { visit("scale", scale); }
};

using here = mf::cpu<float>;
using there = mf::cpu<double>;

template <class M> std::string message_of(const M& from, auto& to) {
  try {
    mf::copy_model(from, to);
  } catch (const mf::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a copied model has the same values, flags and random streams") {
  small_model<here> from;
  mf::initialize(from, 1);
  from.frozen.set_trainable(false);
  small_model<there> to;
  mf::copy_model(from, to);
  const auto values = from.weight.value().to_host();
  CHECK(to.weight.value().to_host() == std::vector<double>(values.begin(), values.end()));
  CHECK(to.weight.trainable());
  CHECK(!to.frozen.trainable());
  CHECK(to.mean.value().to_host() == std::vector<double>{0.25, 0.25});
  CHECK(to.stream.id == from.stream.id);
  CHECK(to.stream.id != 0);
}

TEST_CASE("values that lie in one buffer stay there") {
  small_model<here> from;
  mf::initialize(from, 1);
  small_model<there> to;
  mf::initialize(to, 2);
  const auto flat = mf::arrange<there>(to);
  mf::copy_model(from, to);
  CHECK(flat.values.to_host()[0] == double(from.weight.value().to_host()[0]));
  CHECK(to.weight.value().data() == flat.values.data());
}

TEST_CASE("models that do not match are refused and unchanged") {
  small_model<here> from;
  small_model<there> to;
  mf::initialize(to, 2);
  const auto before = to.weight.value().to_host();
  CHECK(message_of(from, to).find("has no values yet") != std::string::npos);
  mf::initialize(from, 1);
  small_model<there, 4> wider;
  CHECK(message_of(from, wider) == "copy_model: wrong shape of weight; expected [width 4]; got [width 3]");
  CHECK(!wider.weight.has_value());
  shorter_model<here> shorter;
  mf::initialize(shorter, 1);
  CHECK(message_of(shorter, to) == "copy_model: the model copied from has fewer members; expected frozen; got no more");
  CHECK(message_of(from, shorter) == "copy_model: the model copied from has more members; expected no more; got frozen");
  renamed_model<there> renamed;
  CHECK(message_of(shorter, renamed) == "copy_model: the models have different members; expected scale; got weight");
  CHECK(to.weight.value().to_host() == before);
}

}  // namespace test_tape_copy_model
