#pragma once
#include <cmath>

#include "../../core/math.hpp"
#include "attention_tensor_core_tiles.hpp"

/// The kernels of fused attention, for tiles of any kind. Each goes over the columns of its rows, computes a tile of
/// scores, makes weights of them, and adds up weighted rows; no two blocks write the same element, so that results
/// repeat bit by bit. Powers have base 2 inside.
namespace multifuse::detail {

template <class N> inline constexpr N binary_logarithm_of_e = N(1.4426950408889634074);
template <class N> inline constexpr N logarithm_of_2 = N(0.69314718055994530942);

/// What makes binary logarithms of weights of the scalar products of one head.
template <class T> struct score_rule {
  using number = compute_type<T>;
  number factor;
  const T* bias;
  int of_query, of_key;  ///< elements of the bias from one to the next
  const T* mask;

  /// Whether they are products times a factor, no more.
  MULTIFUSE_HD bool is_plain() const { return !mask && !bias; }
  MULTIFUSE_HD bool shows(int key) const { return !mask || number(mask[key]) != number(0); }
  MULTIFUSE_HD number operator()(number product, int query, int key) const {
    if (!bias) return factor * product;
    return factor * product +
           binary_logarithm_of_e<number> * number(bias[isize(query) * of_query + isize(key) * of_key]);
  }
};

/// What the kernels read, of items whose biases are `bias_step` elements apart.
template <class T> struct attention_operands {
  using number = compute_type<T>;
  attention_arguments<T> a;
  isize bias_step;
  bool vectors, value_vectors;  ///< heads of queries and keys, and of values, consist of whole vectors

  MULTIFUSE_HD head_rows<T> queries(isize item, isize head) const { return rows(a.q, a.queries, item, head); }
  MULTIFUSE_HD head_rows<T> keys(isize item, isize head) const { return rows(a.k, a.keys, item, head); }
  MULTIFUSE_HD head_rows<T> values(isize item, isize head) const { return value_rows(a.v, a.keys, item, head); }
  MULTIFUSE_HD head_rows<T> results(const T* y, isize item, isize head) const {
    return value_rows(y, a.queries, item, head);
  }

  /// What makes scores of scalar products.
  MULTIFUSE_HD score_rule<T> scores(isize item, isize head) const {
    return {a.scale * binary_logarithm_of_e<number>, a.bias.first ? a.bias.first + bias_at(item, head, 0, 0) : nullptr,
            int(a.bias.query), int(a.bias.key), a.mask ? a.mask + item * a.keys : nullptr};
  }
  MULTIFUSE_HD isize bias_at(isize item, isize head, isize query, isize key) const {
    return item * bias_step + head * a.bias.head + query * a.bias.query + key * a.bias.key;
  }

 private:
  MULTIFUSE_HD head_rows<T> rows(const T* x, isize tokens, isize item, isize head) const {
    const isize width = a.heads * a.head;
    return {x + item * tokens * width + head * a.head, int(width), int(tokens), int(a.head), vectors};
  }
  MULTIFUSE_HD head_rows<T> value_rows(const T* x, isize tokens, isize item, isize head) const {
    const isize width = a.heads * a.value_head;
    return {x + item * tokens * width + head * a.value_head, int(width), int(tokens), int(a.value_head), value_vectors};
  }
};

/// Which tile of which pass a block computes.
struct attention_assignment {
  isize part, item, head;
  int first_row, first_result, first_column, last_column;

  MULTIFUSE_HD attention_assignment(const attention_plan& plan, isize heads, isize block) {
    const isize row_tiles = (plan.rows + plan.rows_of_tile - 1) / plan.rows_of_tile;
    const isize chunks = (plan.results + plan.results_of_tile - 1) / plan.results_of_tile;
    first_row = int(block % row_tiles * plan.rows_of_tile);
    block /= row_tiles;
    first_result = int(block % chunks * plan.results_of_tile);
    block /= chunks;
    head = block % heads;
    block /= heads;
    item = block % (plan.pairs / heads);
    part = block / (plan.pairs / heads);
    const isize first = part * plan.columns_of_part, rest = plan.columns - first;
    first_column = int(first);
    last_column = int(first + (plan.columns_of_part < rest ? plan.columns_of_part : rest));
  }
};

/// Where a kernel leaves results: as elements, or as numbers of a part, which are put together later.
template <class T> struct attention_output {
  T* elements;
  compute_type<T>* numbers;  ///< null where there is one part

  MULTIFUSE_HD void store(isize at, compute_type<T> value) const {
    if (numbers)
      numbers[at] = value;
    else
      elements[at] = T(value);
  }
  MULTIFUSE_HD void add(isize at, compute_type<T> value) const {
    store(at, numbers ? value : compute_type<T>(elements[at]) + value);
  }
};

struct larger_number {
  template <class N> MULTIFUSE_HD N operator()(N a, N b) const { return larger(a, b); }
};
struct sum_of_numbers {
  template <class N> MULTIFUSE_HD N operator()(N a, N b) const { return a + b; }
};

/// softmax(scores) v for a tile of queries, from a running maximum and sum (Milakov and Gimelshein 2018). Writes
/// results [parts, items, queries, width of values] and the logarithms of their normalizers [parts, items, heads,
/// queries].
template <class Tile> struct attention_forward_kernel {
  using T = typename Tile::element;
  using number = typename Tile::number;
  static constexpr int R = Tile::R, C = Tile::C, V = Tile::V, threads = Tile::threads;
  static constexpr std::size_t shared_bytes = Tile::template shared_bytes<1>;
  attention_operands<T> x;
  attention_plan plan;
  attention_output<T> y;
  number* log_normalizers;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    Tile tile(block);
    const attention_assignment at(plan, x.a.heads, block.index());
    number sums[R][V] = {}, most[R], total[R] = {};  // a thread's part of the total
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) most[i] = hidden_score<number>;
    head_rows<T> keys = x.keys(at.item, at.head), values = x.values(at.item, at.head);
    keys.rows = values.rows = at.last_column;
    const score_rule<T> rule = x.scores(at.item, at.head);
    tile.begin(block, {{x.queries(at.item, at.head).from(at.first_row, 0), keys}, {{}, values}});
    for (int first = at.first_column; first < at.last_column; first += Tile::columns) {
      tile.move_to(block, first);
      if (Tile::few < C && tile.has_few_columns())
        add_columns<Tile::few>(block, tile, rule, at, first, most, total, sums);
      else
        add_columns<C>(block, tile, rule, at, first, most, total, sums);
    }
    finish(block, tile, at, most, total, sums);
  }

 private:
  template <int Columns, class Block>
  MULTIFUSE_DEVICE void add_columns(const Block& block, const Tile& tile, const score_rule<T>& rule,
                                    const attention_assignment& at, int first, number (&most)[R], number (&total)[R],
                                    number (&sums)[R][V]) const {
    number scores[R][Columns];
    tile.template products<0>(block, scores);
    make_exponents(tile, rule, at, first, scores);
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      number most_here = most[i];
      MULTIFUSE_UNROLL
      for (int j = 0; j < Columns; ++j) most_here = larger(most_here, scores[i][j]);
      const number smaller = raise(tile.of_row(block, most_here, larger_number()), most[i]);
      total[i] *= smaller;
      MULTIFUSE_UNROLL
      for (int v = 0; v < V; ++v) sums[i][v] *= smaller;
      const number base = most[i] == hidden_score<number> ? number(0) : most[i];
      MULTIFUSE_UNROLL
      for (int j = 0; j < Columns; ++j) total[i] += scores[i][j] = power_of_two(scores[i][j] - base);
    }
    tile.template add_weighted_rows<1>(block, scores, at.first_result, sums);
  }

  /// Makes exponents of scalar products; minus infinity where there is no query or key.
  template <int Columns>
  MULTIFUSE_DEVICE void make_exponents(const Tile& tile, const score_rule<T>& rule, const attention_assignment& at,
                                       int first, number (&scores)[R][Columns]) const {
    if (rule.is_plain() && first + Tile::columns <= at.last_column) {
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) MULTIFUSE_UNROLL
      for (int j = 0; j < Columns; ++j) scores[i][j] *= rule.factor;
      return;
    }
    MULTIFUSE_UNROLL
    for (int j = 0; j < Columns; ++j) {
      const int key = first + tile.column(j);
      const bool shown = key < at.last_column && rule.shows(key);
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const int query = at.first_row + tile.row(i);
        scores[i][j] = shown && query < x.a.queries ? rule(scores[i][j], query, key) : hidden_score<number>;
      }
    }
  }

  /// Replaces the maximum and says what sums relative to the one before have to be multiplied with.
  MULTIFUSE_DEVICE static number raise(number to, number& most) {
    const number before = most;
    most = to;
    return to == hidden_score<number> ? number(1) : power_of_two(before - to);
  }

  template <class Block>
  MULTIFUSE_DEVICE void finish(const Block& block, const Tile& tile, const attention_assignment& at, number (&most)[R],
                               number (&total)[R], number (&sums)[R][V]) const {
    if constexpr (Tile::sharers > 1) {
      number of_all[R];
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) of_all[i] = most[i];
      tile.of_sharers(block, of_all, larger_number());
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const number smaller = raise(of_all[i], most[i]);
        total[i] *= smaller;
        MULTIFUSE_UNROLL
        for (int v = 0; v < V; ++v) sums[i][v] *= smaller;
        tile.of_sharers(block, sums[i], sum_of_numbers());
      }
      tile.of_sharers(block, total, sum_of_numbers());
    }
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      const number all = tile.of_row(block, total[i], sum_of_numbers());
      const int query = at.first_row + tile.row(i);
      if (query >= x.a.queries || !tile.has_results()) continue;
      const number inverse = all == number(0) ? number(0) : number(1) / all;
      const isize row = (at.part * x.a.items + at.item) * x.a.queries + query;
      MULTIFUSE_UNROLL
      for (int v = 0; v < V; ++v) {
        const int column = at.first_result + tile.result(v);
        if (column < x.a.value_head)
          y.store((row * x.a.heads + at.head) * x.a.value_head + column, sums[i][v] * inverse);
      }
      if (tile.is_first_of_row() && at.first_result == 0)
        log_normalizers[((at.part * x.a.items + at.item) * x.a.heads + at.head) * x.a.queries + query] =
            all == number(0) ? hidden_score<number> : most[i] * logarithm_of_2<number> + std::log(all);
    }
  }
};

/// Results of parts of the keys become the result of all, an element in a call.
template <class T> struct attention_combine_kernel {
  using number = compute_type<T>;
  const number *part_y, *part_log_normalizers;
  T* y;
  number* log_normalizers;
  isize parts, items, heads, queries, value_head;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize head = column / value_head, width = heads * value_head, rows = items * queries;
    const isize at = (row / queries * heads + head) * queries + row % queries, numbers = rows * heads;
    number most = hidden_score<number>;
    for (isize part = 0; part < parts; ++part) most = larger_number()(most, part_log_normalizers[part * numbers + at]);
    number total = number(0), sum = number(0);
    for (isize part = 0; part < parts; ++part) {
      const number one = part_log_normalizers[part * numbers + at];
      const number weight = one == hidden_score<number> ? number(0) : math::exp(one - most);
      total += weight;
      sum += weight * part_y[(part * rows + row) * width + column];
    }
    y[row * width + column] = T(total == number(0) ? number(0) : sum / total);
    if (column % value_head == 0)
      log_normalizers[at] = total == number(0) ? hidden_score<number> : most + std::log(total);
  }
};

}  // namespace multifuse::detail
