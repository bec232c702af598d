#include <multifuse/layers/batch_norm.hpp>
#include <multifuse/layers/convolution.hpp>
#include <multifuse/layers/layer_norm.hpp>
#include <multifuse/layers/patch_embedding.hpp>
#include <multifuse/ops/concat.hpp>
#include <multifuse/ops/normalize.hpp>
#include <multifuse/ops/pointwise.hpp>
#include <multifuse/ops/pooling.hpp>
#include <multifuse/ops/reduce.hpp>
#include <multifuse/ops/softmax.hpp>

#include "measure.hpp"

namespace op_benchmark {
namespace {

using tokens_shape = mf::shape<mf::batch<>, mf::tokens<>, mf::width<768>>;
using image_shape = mf::shape<mf::batch<>, mf::rows<>, mf::columns<>, mf::channels<64>>;
using picture_shape = mf::shape<mf::batch<>, mf::rows<224>, mf::columns<224>, mf::channels<3>>;

struct add { constexpr auto operator()(const auto& a, const auto& b) const { return a + b; } };
struct chain { constexpr auto operator()(const auto& a, const auto& b) const { return mf::sigmoid(a) * b + a * 0.5; } };
struct gelu { constexpr auto operator()(const auto& a) const { return mf::gelu(a); } };
struct gelu_tanh { constexpr auto operator()(const auto& a) const { return mf::gelu_tanh(a); } };
struct softmax { constexpr auto operator()(const auto& a) const { return mf::softmax(a); } };
struct normalize { constexpr auto operator()(const auto& a) const { return mf::l2_normalize(a); } };
struct mean { constexpr auto operator()(const auto& a) const { return mf::mean<mf::tokens_axis>(a); } };
struct join { constexpr auto operator()(const auto& a, const auto& b) const { return mf::concat<mf::tokens_axis>(a, b); } };
struct max_pool {
  constexpr auto operator()(const auto& a) const {
    return mf::max_pool<mf::window_config{.kernel = {2, 2}, .stride = {2, 2}}>(a);
  }
};
template <mf::window_config C, isize Groups> using convolve = mf::convolution<dev, 64, 64, C, Groups>;
constexpr mf::window_config three{.kernel = {3, 3}, .padding = {1, 1}}, seven{.kernel = {7, 7}, .padding = {3, 3}};

const bool entered =
    enter<add>("add/8x196x768", tokens_shape(8, 196), tokens_shape(8, 196)) &&
    enter<chain>("expression of four functions/8x196x768", tokens_shape(8, 196), tokens_shape(8, 196)) &&
    enter<gelu>("gelu/8x196x768", tokens_shape(8, 196)) && enter<gelu_tanh>("gelu by tanh/8x196x768", tokens_shape(8, 196)) &&
    enter<softmax>("softmax/8x196x768", tokens_shape(8, 196)) &&
    enter<mf::layer_norm<dev, 768>>("layer norm/8x196x768", tokens_shape(8, 196)) &&
    enter<mf::batch_norm<dev, 768>>("batch norm/8x196x768", tokens_shape(8, 196)) &&
    enter<normalize>("l2 normalize/8x196x768", tokens_shape(8, 196)) && enter<mean>("mean over tokens/8x196x768", tokens_shape(8, 196)) &&
    enter<join>("concat/8x(196+50)x768", tokens_shape(8, 196), tokens_shape(8, 50)) &&
    enter<convolve<three, 1>>("convolution 3x3/8x28x28x64", image_shape(8, 28, 28)) &&
    enter<convolve<seven, 64>>("depthwise convolution 7x7/8x28x28x64", image_shape(8, 28, 28)) &&
    enter<max_pool>("max pool 2x2/8x28x28x64", image_shape(8, 28, 28)) &&
    enter<mf::patch_embedding<dev, mf::patch_size{1, 16, 16}, 3, 768>>("patch embedding 16x16/1x224x224x3", picture_shape(1));

}  // namespace
}  // namespace op_benchmark
