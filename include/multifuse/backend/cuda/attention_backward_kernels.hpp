#pragma once
#include "attention_kernels.hpp"

namespace multifuse::detail {

/// What all keys of a query share: the binary logarithm of its normalizer (0 if it has no key), and what softmax takes
/// from the gradient of every probability, which is the scalar product of the result and its gradient.
template <class N> struct alignas(2 * sizeof(N)) attention_of_query { N base, expected; };

template <class T> struct attention_of_query_kernel {
  using number = compute_type<T>;
  static constexpr bool works_on_a_row = true;
  const T *y, *dy;
  const number* log_normalizers;
  attention_of_query<number>* queries_of_heads;  ///< [items, heads, queries]
  isize heads, queries, value_head;

  MULTIFUSE_HD void operator()(isize pair, isize query) const {
    const isize at = ((pair / heads * queries + query) * heads + pair % heads) * value_head;
    number sum = number(0);
    for (isize c = 0; c < value_head; ++c) sum += number(y[at + c]) * number(dy[at + c]);
    const number one = log_normalizers[pair * queries + query];
    queries_of_heads[pair * queries + query] = {
        one == hidden_score<number> ? number(0) : one * binary_logarithm_of_e<number>, sum};
  }
};

/// What the backward kernels read besides.
template <class T> struct attention_backward_operands {
  using of_query = attention_of_query<compute_type<T>>;
  attention_operands<T> x;
  const T* dy;
  const of_query* queries;  ///< [items, heads, queries]

  /// Queries that do not exist give no key a weight.
  MULTIFUSE_HD of_query query(isize item, isize head, isize query) const {
    if (query >= x.a.queries) return {-hidden_score<compute_type<T>>, compute_type<T>(0)};
    return queries[(item * x.a.heads + head) * x.a.queries + query];
  }
};

/// Adds the gradients that parts have left, in their order.
template <class T> struct attention_add_parts_kernel {
  const compute_type<T>* numbers;
  T* gradient;
  isize parts, elements;

  MULTIFUSE_HD void operator()(isize, isize i) const {
    compute_type<T> sum = gradient[i];
    for (isize part = 0; part < parts; ++part) sum += numbers[part * elements + i];
    gradient[i] = T(sum);
  }
};

/// Which gradient a backward kernel computes, and what its rows are.
enum class attention_gradient { queries, keys, values };

/// The gradient of queries, keys or values for a tile of them. Adds it, or leaves numbers of parts
/// [parts, items, tokens, width].
template <class Tile, attention_gradient Of> struct attention_backward_kernel {
  using T = typename Tile::element;
  using number = typename Tile::number;
  static constexpr int R = Tile::R, C = Tile::C, V = Tile::V, threads = Tile::threads;
  static constexpr bool rows_are_queries = Of == attention_gradient::queries,
                        of_values = Of == attention_gradient::values;
  static constexpr std::size_t shared_bytes = Tile::template shared_bytes < of_values ? 1 : 2 > ;
  attention_backward_operands<T> b;
  attention_plan plan;
  attention_output<T> gradient;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    Tile tile(block);
    const attention_assignment at(plan, b.x.a.heads, block.index());
    const score_rule<T> rule = b.x.scores(at.item, at.head);
    begin(block, tile, at);
    of_query of_row[R];
    if constexpr (rows_are_queries) {
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) of_row[i] = b.query(at.item, at.head, at.first_row + tile.row(i));
    }
    number sums[R][V] = {};
    for (int first = at.first_column; first < at.last_column; first += Tile::columns) {
      tile.move_to(block, first);
      if (Tile::few < C && tile.has_few_columns())
        add_columns<Tile::few>(block, tile, rule, at, first, of_row, sums);
      else
        add_columns<C>(block, tile, rule, at, first, of_row, sums);
    }
    if constexpr (Tile::sharers > 1) {
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) tile.of_sharers(block, sums[i], sum_of_numbers());
    }
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      const int row = at.first_row + tile.row(i);
      if (row >= plan.rows || !tile.has_results()) continue;
      const isize to = (((at.part * b.x.a.items + at.item) * plan.rows + row) * b.x.a.heads + at.head) * plan.results;
      MULTIFUSE_UNROLL
      for (int v = 0; v < V; ++v) {
        const int column = at.first_result + tile.result(v);
        if (column < plan.results) gradient.add(to + column, of_values ? sums[i][v] : b.x.a.scale * sums[i][v]);
      }
    }
  }

 private:
  using of_query = typename attention_backward_operands<T>::of_query;

  template <class Block>
  MULTIFUSE_DEVICE void begin(const Block& block, Tile& tile, const attention_assignment& at) const {
    const head_rows<T> q = b.x.queries(at.item, at.head), k = b.x.keys(at.item, at.head);
    const head_rows<T> dy = b.x.results(b.dy, at.item, at.head), v = b.x.values(at.item, at.head);
    head_rows<T> right = rows_are_queries ? k : q, right_values = rows_are_queries ? v : dy, left_values{};
    right.rows = right_values.rows = at.last_column;
    if constexpr (!of_values) left_values = (rows_are_queries ? dy : v).from(at.first_row, 0);
    tile.begin(block, {{(rows_are_queries ? q : k).from(at.first_row, 0), right}, {left_values, right_values}});
  }

  template <int Columns, class Block>
  MULTIFUSE_DEVICE void add_columns(const Block& block, const Tile& tile, const score_rule<T>& rule,
                                    const attention_assignment& at, int first, const of_query (&of_row)[R],
                                    number (&sums)[R][V]) const {
    number weights[R][Columns], slopes[R][Columns];
    tile.template products<0>(block, weights);
    if constexpr (!of_values) tile.template products<1>(block, slopes);
    if (rule.is_plain() && first + Tile::columns <= at.last_column)
      make_weights<true>(tile, rule, at, first, of_row, slopes, weights);
    else
      make_weights<false>(tile, rule, at, first, of_row, slopes, weights);
    tile.template add_weighted_rows<of_values ? 1 : 0>(block, weights, at.first_result, sums);
  }

  /// Makes probabilities of scalar products, or their gradients before they are scaled. `Plain`: scores are products,
  /// and all columns of the tile exist.
  template <bool Plain, int Columns>
  MULTIFUSE_DEVICE void make_weights(const Tile& tile, const score_rule<T>& rule, const attention_assignment& at,
                                     int first, const of_query (&of_row)[R], const number (&slopes)[R][Columns],
                                     number (&weights)[R][Columns]) const {
    MULTIFUSE_UNROLL
    for (int j = 0; j < Columns; ++j) {
      const int column = first + tile.column(j);
      const bool exists = column < at.last_column;
      of_query of_column{};
      if constexpr (!rows_are_queries) of_column = b.query(at.item, at.head, column);
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const int row = at.first_row + tile.row(i);
        const int query = rows_are_queries ? row : column, key = rows_are_queries ? column : row;
        const of_query& of = rows_are_queries ? of_row[i] : of_column;
        number exponent;
        if constexpr (Plain)
          exponent = rule.factor * weights[i][j];
        else
          exponent =
              exists && row < plan.rows && rule.shows(key) ? rule(weights[i][j], query, key) : hidden_score<number>;
        weights[i][j] = power_of_two(exponent - of.base);
        if constexpr (!of_values) weights[i][j] *= slopes[i][j] - of.expected;
      }
    }
  }
};

/// The gradient of a bias. Adds it, or leaves numbers of parts, laid out as the bias, one after the other.
template <class Tile> struct tiled_bias_gradient_kernel {
  using T = typename Tile::element;
  using number = typename Tile::number;
  static constexpr int R = Tile::R, C = Tile::C, threads = Tile::threads;
  static constexpr std::size_t shared_bytes = Tile::template shared_bytes<2>;
  attention_backward_operands<T> b;
  bias_gradient_plan plan;
  attention_output<T> gradient;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    const attention_arguments<T>& a = b.x.a;
    Tile tile(block);
    isize rest = block.index();
    const isize key_tile = rest % plan.key_tiles;
    rest /= plan.key_tiles;
    const isize query_tile = rest % plan.query_tiles;
    rest /= plan.query_tiles;
    const isize own_head = rest % plan.heads, own_item = rest / plan.heads;  // or the part, where all items share
    number sums[R][C] = {};
    for (isize item = own_item; item < a.items; item += plan.items * plan.parts)
      for (isize head = own_head; head < a.heads; head += plan.heads)
        for (isize query = query_tile * Tile::rows; query < a.queries; query += plan.query_tiles * Tile::rows)
          for (isize key = key_tile * Tile::columns; key < a.keys; key += plan.key_tiles * Tile::columns)
            add_tile(block, tile, item, head, int(query), int(key), sums);
    store(block, tile, own_item, own_head, query_tile * Tile::rows, key_tile * Tile::columns, sums);
  }

 private:
  using tile_sums = number[R][C];

  template <class Block>
  MULTIFUSE_DEVICE void add_tile(const Block& block, Tile& tile, isize item, isize head, int query, int key,
                                 tile_sums& sums) const {
    head_rows<T> keys = b.x.keys(item, head).from(key, 0), values = b.x.values(item, head).from(key, 0);
    if (keys.rows > Tile::columns) keys.rows = values.rows = Tile::columns;
    tile.begin(block, {{b.x.queries(item, head).from(query, 0), keys},
                       {b.x.results(b.dy, item, head).from(query, 0), values}});
    tile.move_to(block, 0);
    tile_sums products, slopes;
    tile.template products<0>(block, products);
    tile.template products<1>(block, slopes);
    const score_rule<T> rule = b.x.scores(item, head);
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      const int row = query + tile.row(i);
      const auto of = b.query(item, head, row);
      MULTIFUSE_UNROLL
      for (int j = 0; j < C; ++j) {
        const int column = key + tile.column(j);
        if (row < b.x.a.queries && tile.column(j) < keys.rows && rule.shows(column))
          sums[i][j] += power_of_two(rule(products[i][j], row, column) - of.base) * (slopes[i][j] - of.expected);
      }
    }
  }

  /// Sums over the rows or columns of the tile where they share elements: one thread for each element, in a fixed
  /// order.
  template <class Block>
  MULTIFUSE_DEVICE void store(const Block& block, const Tile& tile, isize item, isize head, isize query, isize key,
                              const tile_sums& sums) const {
    const attention_arguments<T>& a = b.x.a;
    number* const numbers = tile.numbers();
    block.sync();  // the last operands have been read
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
    for (int j = 0; j < C; ++j) numbers[tile.row(i) * Tile::number_stride + tile.column(j)] = sums[i][j];
    block.sync();
    const int rows = a.bias.query ? Tile::rows : 1, columns = a.bias.key ? Tile::columns : 1;
    for (int element = block.thread(); element < rows * columns; element += threads) {
      const int row = element / columns, column = element % columns;
      if (query + row >= a.queries || key + column >= a.keys) continue;
      number total = number(0);
      for (int r = row; r < (a.bias.query ? row + 1 : Tile::rows); ++r)
        for (int c = column; c < (a.bias.key ? column + 1 : Tile::columns); ++c)
          total += numbers[r * Tile::number_stride + c];
      gradient.add(plan.parts == 1 ? b.x.bias_at(item, head, query + row, key + column)
                                   : item * plan.elements + b.x.bias_at(0, head, query + row, key + column),
                   total);
    }
  }
};

}  // namespace multifuse::detail
