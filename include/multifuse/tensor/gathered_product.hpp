#pragma once
#include <concepts>

#include "../core/bf16.hpp"

namespace multifuse {

/// A backend that multiplies matrices which stand nowhere as such: `multiply_gathered(product)`, where a
/// `gathered_product` says where each element is. `gathers_operands()` is false while the backend is faster with a copy.
template <class D>
concept multiplies_gathered = requires {
  { D::gathers_operands() } -> std::same_as<bool>;
};

/// A factor of such a product: lines that are read along places. Neighboring places are neighbors in memory as far as
/// `in_vectors` says: then places from a multiple of `widest_vector<scalar>` on are one aligned vector, or none of them
/// exists. Lines run along the depth of the product (`lines_along_depth`) and places along its rows or columns, or the
/// other way round. A thread stands at a few lines, which it takes apart once (`line_at`) or moves along.
template <class O>
concept gathered_operand = requires(const O& operand, typename O::line& line, int number) {
  typename O::scalar;
  { O::lines_along_depth } -> std::convertible_to<bool>;
  { O::in_vectors } -> std::convertible_to<bool>;
  { operand.line_at(number) } -> std::same_as<typename O::line>;
  { operand.distance_of(number) } -> std::same_as<typename O::distance>;  ///< of that many lines, for `move`
  operand.move(line, operand.distance_of(number));
  { operand.place_at(number) } -> std::same_as<typename O::place>;
  { operand.find(line, operand.place_at(number)) } -> std::same_as<const typename O::scalar*>;  ///< null: a zero
  { operand.data } -> std::convertible_to<const typename O::scalar*>;  ///< an address that can be read
};

/// For each `part` below `parts`: result[rows, columns] = left[rows, depth] right[depth, columns] + bias[columns], added to
/// what is there if `accumulate`. The result has rows where `row_of` finds them, and no others; `most_rows` is at least
/// `rows`, and as small as the type knows. `bias_of` may be null. `in_pairs`: two neighboring results from an even one on
/// can be stored as one vector.
template <class P>
concept gathered_product = gathered_operand<typename P::left> && gathered_operand<typename P::right> &&
    requires(const P& product, int number) {
  { P::columns } -> std::convertible_to<int>;
  { P::most_rows } -> std::convertible_to<int>;
  { P::in_pairs } -> std::convertible_to<bool>;
  { product.parts } -> std::convertible_to<int>;
  { product.rows } -> std::convertible_to<int>;
  { product.accumulate } -> std::convertible_to<bool>;
  { product.left_of(number) } -> std::same_as<typename P::left>;
  { product.right_of(number) } -> std::same_as<typename P::right>;
  { product.depth_of(number) } -> std::same_as<int>;
  { product.row_of(number, number) } -> std::same_as<typename P::scalar*>;
  { product.bias_of(number) } -> std::same_as<const typename P::scalar*>;
};

}  // namespace multifuse
