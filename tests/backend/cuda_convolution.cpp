// Convolutions whose windows are read where they are, on tiles of the CUDA backend: their blocks run on the host, thread by
// thread, and must give what the processor does.
#include <multifuse/layers/convolution.hpp>

#include "../support/check.hpp"
#include "../support/emulated_blocks.hpp"

namespace test_backend_cuda_convolution {

namespace mf = multifuse;
using mf::isize;
using mf::window_config;

namespace {

/// A layer that is called twice with the same input, so that its gradients are written first and added to then.
template <class D, isize In, isize Out, window_config C, isize Groups, class S> struct called_twice {
  using convolution = mf::convolution<D, In, Out, C, Groups>;
  S dims;
  convolution layer{};

  constexpr void members(auto&& visit) { visit("layer", layer); }
  auto inputs(check::source& draw) const { return mf::make_pack(draw.normal<D>(dims)); }
  auto operator()(const auto& x) const { return mf::square(layer(x)) + layer(x); }
};

template <class T> constexpr double tolerance = std::is_same_v<T, mf::bf16> ? 2e-2 : 1e-5;

/// Results and gradients, with threads in both orders, which must give the same bits.
template <class T, isize In, isize Out, window_config C, isize Groups = 1, class S> void compare(const S& dims) {
  INFO("input " << dims.to_string() << ", " << Out << " outputs, " << Groups << " groups, " << sizeof(T) << " bytes");
  const auto results = [&]<class D>(D) {
    called_twice<D, In, Out, C, Groups, S> example{dims};
    check::prepare(example);
    check::source draw(17);
    return check::run(example, example.inputs(draw), true);
  };
  using device = check::emulated_gpu<T>;
  device::descending = false;
  const auto found = results(device{});
  check::compare(results(mf::cpu<T>{}), found, tolerance<T>, 0.5);
  device::descending = true;
  check::compare(found, results(device{}), 0);
}

template <isize In> using line = mf::shape<mf::batch<>, mf::tokens<>, mf::channels<In>>;
template <isize In> using plane = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<In>>;
template <isize In> using volume = mf::shape<mf::batch<>, mf::frames<>, mf::rows<>, mf::columns<>, mf::channels<In>>;

}  // namespace

TEST_CASE("convolution by tiles: a channel, three, and vectors of them") {
  check::emulated_gpu<float>::processors = check::emulated_gpu<mf::bf16>::processors = 1;
  compare<float, 1, 3, window_config{.kernel = {3, 3}, .padding = {1, 1}}>(plane<1>(2, 9, 8));
  compare<mf::bf16, 3, 8, window_config{.kernel = {3, 3}, .padding = {2, 2}}>(plane<3>(2, 7, 9));
  compare<float, 8, 4, window_config{.kernel = {3, 2}, .padding = {3, 0}}>(plane<8>(3, 5, 6));
  compare<mf::bf16, 8, 16, window_config{.kernel = {3, 3}, .padding = {1, 1}}>(plane<8>(3, 7, 7));
}

}  // namespace test_backend_cuda_convolution
