#pragma once
#include "../tape/apply.hpp"
#include "../tape/members.hpp"
#include "pointwise.hpp"

namespace multifuse {

namespace detail {

constexpr void refuse_rate(std::string_view where, double rate) {
  if (!(rate >= 0 && rate < 1))
    throw argument_error(where, "unusable rate", "a number in [0, 1)", std::to_string(rate));
}

/// The key of the next use of a stream on a tape.
inline random_key next_key(tape& recorder, random_stream stream) {
  return recorder.random().split(stream.id).split(std::uint64_t(recorder.count_use(stream.id)));
}

}  // namespace detail

/// The operation behind `dropout`: y_i = x_i / (1 - rate) if number i of the key's sequence is at least the rate, else
/// 0.
struct dropout_op {
  static constexpr bool backward_ignores_inputs = true;
  double rate;
  random_key key;

  template <class S> constexpr S shape(const S& x) const { return x; }
  template <class S> constexpr double flops(const S& y, const S&) const { return double(y.size()); }
  template <class S> constexpr double backward_flops(const S& y, const S&) const { return double(y.size()); }

  template <class D, class S> void forward(const tensor<D, S>& y, const tensor<D, S>& x) const {
    run<D>(x.data(), y.data(), y.size(), false);
  }
  template <class D, class S>
  void backward(const tensor<D, S>& dy, const tensor<D, S>&, const tensor<D, S>&, const gradient_sink<D, S>& dx) const {
    if (!dx) return;
    const auto to = dx.open();
    run<D>(dy.data(), to.data, dy.size(), to.beta != typename D::scalar(0));
  }

  /// Four neighboring elements share one draw of four words. Public, because a CUDA compiler must be able to name a
  /// kernel's type.
  template <class T> struct kernel {
    using C = compute_type<T>;
    const T* from;
    T* to;
    isize size;
    random_key key;
    double rate;
    C scale;
    bool accumulate;
    MULTIFUSE_HD void operator()(isize, isize quad) const {
      const auto words = detail::philox(key, std::uint64_t(quad));
      const isize first = 4 * quad, count = size - first < 4 ? size - first : 4;
      for (isize i = 0; i < count; ++i) {
        const C x = words.word[i] * 0x1p-32 >= rate ? from[first + i] * scale : C(0);
        T& target = to[first + i];
        target = accumulate ? target + x : x;
      }
    }
  };

 private:
  template <class D, class T> void run(const T* from, T* to, isize size, bool accumulate) const {
    D::for_each(1, (size + 3) / 4, kernel<T>{from, to, size, key, rate, compute_type<T>(1 / (1 - rate)), accumulate});
  }
};

/// Sets each element to 0 with probability `rate` and multiplies the others by 1 / (1 - rate) (Srivastava et al. 2014),
/// on a tape with `training`; elsewhere it hands x on. The mask follows from the tape's key, the stream and how often
/// the stream was used before on this tape; the backward pass draws it again. Throws argument_error for a rate outside
/// [0, 1).
template <value X>
requires requires(const X& x) { evaluate(x); }
constexpr auto dropout(const X& x, double rate, random_stream stream) {
  detail::refuse_rate("dropout", rate);
  const auto y = evaluate(x);
  if constexpr (is_variable<std::remove_const_t<decltype(y)>>) {
    if (!y.recorder().training() || rate == 0) return y;
    return apply(dropout_op{rate, detail::next_key(y.recorder(), stream)}, y);
  } else {
    static_cast<void>(stream);
    return y;
  }
}

/// Whether `drop_path` multiplies what it keeps by 1 / (1 - rate).
enum class rescale : bool { no, yes };

/// Stochastic depth with a given pattern [batch], usually of 0 and 1: item i of x is multiplied by pattern[i].
template <value X, value Pattern>
requires(detail::shape_of_t<Pattern>::rank == 1 &&
         std::is_same_v<last_tag<detail::shape_of_t<Pattern>>, batch_axis>) constexpr auto drop_path(const X& x,
                                                                                                     const Pattern&
                                                                                                         pattern) {
  return x * pattern;
}

namespace detail {
template <class T> struct path_kernel {
  T* factors;
  random_key key;
  double rate;
  T kept;
  MULTIFUSE_HD void operator()(isize, isize item) const { factors[item] = uniform(key, item) >= rate ? kept : T(0); }
};
}  // namespace detail

/// Stochastic depth (Huang et al. 2016): sets whole items of a batch to 0 with probability `rate`, on a tape with
/// `training`; elsewhere it hands x on. A lazy expression: the sum with a skip connection is one pass. The factors
/// follow from the tape's key, the stream and its uses so far. Throws argument_error for a rate outside [0, 1).
template <value X>
requires(detail::shape_of_t<X>::template has<batch_axis> && !is_parameter<X> &&
         !is_buffer<X>) constexpr auto drop_path(const X& x, double rate, random_stream stream, rescale scaling) {
  detail::refuse_rate("drop_path", rate);
  if constexpr (on_tape<X>) {
    using D = device_of_t<X>;
    using T = typename D::scalar;
    using B = shape<axis<batch_axis, detail::shape_of_t<X>::template static_extent<batch_axis>()>>;
    tape& recorder = *detail::recorder_of(x);
    const tensor<D, B> factors(B::from({extent<batch_axis>(x)}));
    if (recorder.training() && rate > 0)
      D::for_each(1, factors.size(),
                  detail::path_kernel<T>{factors.data(), detail::next_key(recorder, stream), rate,
                                         scaling == rescale::yes ? T(1 / (1 - rate)) : T(1)});
    else
      D::fill(factors.data(), factors.size(), T(1));
    return drop_path(x, factors);
  } else {
    static_cast<void>(stream), static_cast<void>(scaling);
    return x;
  }
}

}  // namespace multifuse
