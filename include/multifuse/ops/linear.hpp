#pragma once
#include "../tape/apply.hpp"
#include "../tensor/finish_linear.hpp"

namespace multifuse {

namespace detail {

/// Forward and backward pass of all linear layers. A function of the result is for inference.
template <class Function> struct linear_computation {
  const void* packed = nullptr;  ///< a copy of the weight in the backend's order

  template <class D, class R, class S, class W>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight) const {
    compute(y, x, weight, nullptr);
  }
  template <class D, class R, class S, class W, class B>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight,
               const tensor<D, B>& bias) const {
    compute(y, x, weight, bias.data());
  }

  template <class D, class R, class S, class W>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x, const tensor<D, W>& weight,
                const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight) const {
    const isize rows = x.dims().leading(), in = weight.dims()[1], out = weight.dims()[0];
    using T = typename D::scalar;
    if (dweight) {
      const auto to = dweight.open();
      D::multiply(1, out, in, rows, T(1), {dy.data(), out, 0, layout::transposed}, {x.data(), in, 0}, to.beta,
                  {to.data, in, 0});
    }
    if (dx) {
      const auto to = dx.open();
      D::multiply(1, rows, in, out, T(1), {dy.data(), out, 0}, {weight.data(), in, 0}, to.beta, {to.data, in, 0});
    }
  }
  template <class D, class R, class S, class W, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight,
                const tensor<D, B>&, const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight,
                const gradient_sink<D, B>& dbias) const {
    if constexpr (requires { &D::linear_gradients; }) {
      if (dweight && dbias) {
        const auto to_weight = dweight.open();
        const auto to_bias = dbias.open();
        D::linear_gradients(x.dims().leading(), weight.dims()[0], weight.dims()[1], x.data(), dy.data(), to_weight.beta,
                            to_weight.data, to_bias.beta, to_bias.data);
        return backward(dy, y, x, weight, dx, gradient_sink<D, W>());
      }
    }
    backward(dy, y, x, weight, dx, dweight);
    if (dbias) {
      const auto to = dbias.open();
      D::sum(1, dy.dims().leading(), dy.dims().last(), dy.data(), to.beta, to.data);
    }
  }

 private:
  template <class D, class R, class S, class W>
  void compute(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight,
               const typename D::scalar* bias) const {
    using T = typename D::scalar;
    const isize rows = x.dims().leading(), in = weight.dims()[1], out = weight.dims()[0];
    if constexpr (computes_linear<D>) {
      D::template linear<Function>(rows, out, in, x.data(), weight.data(), static_cast<const T*>(packed), bias,
                                   y.data());
    } else {
      D::multiply(1, rows, out, in, T(1), {x.data(), in, 0}, {weight.data(), in, 0, layout::transposed}, T(0),
                  {y.data(), out, 0});
      if (bias || !std::is_void_v<Function>)
        D::for_each(rows, out, finish_linear_kernel<T, Function>{y.data(), bias, out});
    }
  }
};
}  // namespace detail

/// y[..., out] = x[..., in] weight[out, in]^T + bias[out]. The bias is optional. `Where` names the layer in messages.
/// Without a tape, a function (of ops/pointwise.hpp) may follow.
template <class Where, class Function = void> struct linear_op : detail::linear_computation<Function> {
  using computation = detail::linear_computation<Function>;

  template <class S, class W, class... B> constexpr auto shape(const S& x, const W&, const B&...) const {
    constexpr isize out = W::static_extents[0], in = W::static_extents[1];
    static_assert(extent_mismatch<Where, last_tag<S>, in, S::static_extents.back()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    if (S::static_extents.back() == dynamic && x.last() != in)
      throw shape_error("linear", "wrong extent of the last axis of " + x.to_string(), std::to_string(in),
                        std::to_string(x.last()));
    using R = resize_axis<S, last_tag<S>, out>;
    return with_extent<R, last_tag<S>>(x, out);
  }
  template <class R, class S, class... Rest>
  constexpr double flops(const R& y, const S& x, const Rest&...) const {
    return 2.0 * double(y.size()) * double(x.last()) + (sizeof...(Rest) > 1 ? double(y.size()) : 0.0);
  }
};

}  // namespace multifuse
