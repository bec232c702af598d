#pragma once
#include <cmath>
#include <concepts>

#include "../core/math.hpp"
#include "../tape/evaluate.hpp"

namespace multifuse {

namespace detail {
/// What an expression holds of an argument.
template <class X> constexpr auto as_operand(const X& x) {
  if constexpr (std::is_arithmetic_v<X>)
    return number{double(x)};
  else if constexpr (is_parameter<X> || is_buffer<X>)
    return reference_to<X>{&x};
  else
    return x;
}

/// What a refused expression is taken for, so that one error is not followed by others.
template <class X, class... Rest> constexpr auto first_value(const X& x, const Rest&... rest) {
  if constexpr (std::is_arithmetic_v<X>)
    return first_value(rest...);
  else
    return x;
}
}  // namespace detail

/// What a pointwise function can be applied to.
template <class X>
concept operand = value<X> || std::is_arithmetic_v<X>;

/// Applies a pointwise function lazily. A user's own function is a struct:
/// `struct cube { static constexpr double flops = 2; template <class T> static T value(T x) { return x * x * x; }
///  template <class T> static mf::slopes_of<T, 1> slopes(T x) { return {3 * x * x}; } };  auto y = mf::map<cube>(x);`
template <class F, operand... X>
  requires(value<X> || ...)
constexpr auto map(const X&... x) {
  if constexpr (detail::operands_fit<F, decltype(detail::as_operand(x))...>())
    return pointwise<F, decltype(detail::as_operand(x))...>{F{}, make_pack(detail::as_operand(x)...)};
  else
    return detail::first_value(x...);
}

/// The functions behind the operators and names below.
namespace functions {

struct add {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return a + b; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T, T) { return {{T(1), T(1)}}; }
};
struct subtract {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return a - b; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T, T) { return {{T(1), T(-1)}}; }
};
struct multiply {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return a * b; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T a, T b) { return {{b, a}}; }
};
struct divide {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return a / b; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T a, T b) { return {{T(1) / b, -a / (b * b)}}; }
};
struct maximum {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return a < b ? b : a; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T a, T b) { return {{T(!(a < b)), T(a < b)}}; }
};
struct minimum {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T a, T b) { return b < a ? b : a; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 2> slopes(T a, T b) { return {{T(!(b < a)), T(b < a)}}; }
};
struct exponential {
  static constexpr double flops = 10;
  template <class T> MULTIFUSE_HD static T value(T x) { return math::exp(x); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{math::exp(x)}}; }
};
struct logarithm {
  static constexpr double flops = 10;
  template <class T> MULTIFUSE_HD static T value(T x) { return std::log(x); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{T(1) / x}}; }
};
struct square_root {
  static constexpr double flops = 4;
  template <class T> MULTIFUSE_HD static T value(T x) { return math::sqrt(x); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{T(0.5) / math::sqrt(x)}}; }
};
struct square {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T x) { return x * x; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{T(2) * x}}; }
};
struct absolute {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T x) { return x < T(0) ? -x : x; }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{x < T(0) ? T(-1) : T(x > T(0))}}; }
};
struct relu {
  static constexpr double flops = 1;
  template <class T> MULTIFUSE_HD static T value(T x) { return x > T(0) ? x : T(0); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) { return {{T(x > T(0))}}; }
};
struct tanh {
  static constexpr double flops = 12;
  template <class T> MULTIFUSE_HD static T value(T x) { return math::tanh(x); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) {
    const T y = math::tanh(x);
    return {{T(1) - y * y}};
  }
};
struct sigmoid {
  static constexpr double flops = 12;
  template <class T> MULTIFUSE_HD static T value(T x) { return T(1) / (T(1) + math::exp(-x)); }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) {
    const T y = value(x);
    return {{y * (T(1) - y)}};
  }
};
/// x Phi(x) with the Gaussian distribution function (Hendrycks and Gimpel 2016).
struct gelu {
  static constexpr double flops = 16;
  template <class T> MULTIFUSE_HD static T value(T x) {
    return T(0.5) * x * (T(1) + math::erf(x * T(0.7071067811865476)));
  }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) {
    const T density = T(0.3989422804014327) * math::exp(T(-0.5) * x * x);
    return {{T(0.5) * (T(1) + math::erf(x * T(0.7071067811865476))) + x * density}};
  }
};
/// The approximation of gelu by tanh (same paper).
struct gelu_tanh {
  static constexpr double flops = 18;
  template <class T> MULTIFUSE_HD static T value(T x) {
    return T(0.5) * x * (T(1) + math::tanh(T(0.7978845608028654) * (x + T(0.044715) * x * x * x)));
  }
  template <class T> MULTIFUSE_HD static slopes_of<T, 1> slopes(T x) {
    const T t = math::tanh(T(0.7978845608028654) * (x + T(0.044715) * x * x * x));
    const T inner = T(0.7978845608028654) * (T(1) + T(3 * 0.044715) * x * x);
    return {{T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner}};
  }
};

}  // namespace functions

template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto operator+(const A& a, const B& b) { return map<functions::add>(a, b); }
template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto operator-(const A& a, const B& b) { return map<functions::subtract>(a, b); }
template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto operator*(const A& a, const B& b) { return map<functions::multiply>(a, b); }
template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto operator/(const A& a, const B& b) { return map<functions::divide>(a, b); }
template <value A> constexpr auto operator-(const A& a) { return map<functions::multiply>(a, -1); }

/// Elementwise larger and smaller of two; at a tie the first one gets the gradient.
template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto maximum(const A& a, const B& b) { return map<functions::maximum>(a, b); }
template <operand A, operand B>
  requires(value<A> || value<B>)
constexpr auto minimum(const A& a, const B& b) { return map<functions::minimum>(a, b); }

template <value A> constexpr auto exp(const A& a) { return map<functions::exponential>(a); }
template <value A> constexpr auto log(const A& a) { return map<functions::logarithm>(a); }
template <value A> constexpr auto sqrt(const A& a) { return map<functions::square_root>(a); }
template <value A> constexpr auto square(const A& a) { return map<functions::square>(a); }
template <value A> constexpr auto abs(const A& a) { return map<functions::absolute>(a); }
template <value A> constexpr auto relu(const A& a) { return map<functions::relu>(a); }
template <value A> constexpr auto tanh(const A& a) { return map<functions::tanh>(a); }
template <value A> constexpr auto sigmoid(const A& a) { return map<functions::sigmoid>(a); }
template <value A> constexpr auto gelu(const A& a) { return map<functions::gelu>(a); }
template <value A> constexpr auto gelu_tanh(const A& a) { return map<functions::gelu_tanh>(a); }

}  // namespace multifuse
