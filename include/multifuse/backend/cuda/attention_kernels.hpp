#pragma once
#include <cmath>

#include "../../core/math.hpp"
#include "attention_tiles.hpp"

/// The kernels of fused attention. Each goes over the columns of its rows, computes a tile of scores, makes weights of
/// them, and adds up weighted rows; no two blocks write the same element, so that results repeat bit by bit.
namespace multifuse::detail {

/// What the kernels read, of items whose biases are `bias_step` elements apart.
template <class T> struct attention_operands {
  attention_arguments<T> a;
  isize bias_step;
  bool vectors, value_vectors;  ///< heads of queries and keys, and of values, consist of whole vectors

  MULTIFUSE_HD head_rows<T> queries(isize item, isize head) const { return rows(a.q, a.queries, item, head); }
  MULTIFUSE_HD head_rows<T> keys(isize item, isize head) const { return rows(a.k, a.keys, item, head); }
  MULTIFUSE_HD head_rows<T> values(isize item, isize head) const { return value_rows(a.v, a.keys, item, head); }
  MULTIFUSE_HD head_rows<T> results(const T* y, isize item, isize head) const {
    return value_rows(y, a.queries, item, head);
  }

  /// The score of a query and a key from their scalar product; minus infinity for a key that is hidden.
  MULTIFUSE_HD T score(T product, isize item, isize head, isize query, isize key) const {
    if (a.mask && a.mask[item * a.keys + key] == T(0)) return hidden_score<T>;
    const T scaled = a.scale * product;
    return a.bias.first ? scaled + a.bias.first[bias_at(item, head, query, key)] : scaled;
  }
  MULTIFUSE_HD isize bias_at(isize item, isize head, isize query, isize key) const {
    return item * bias_step + head * a.bias.head + query * a.bias.query + key * a.bias.key;
  }

 private:
  MULTIFUSE_HD head_rows<T> rows(const T* x, isize tokens, isize item, isize head) const {
    const isize width = a.heads * a.head;
    return {x + item * tokens * width + head * a.head, width, tokens, a.head, vectors};
  }
  MULTIFUSE_HD head_rows<T> value_rows(const T* x, isize tokens, isize item, isize head) const {
    const isize width = a.heads * a.value_head;
    return {x + item * tokens * width + head * a.value_head, width, tokens, a.value_head, value_vectors};
  }
};

/// Which tile of which pass a block computes.
struct attention_assignment {
  isize part, item, head, first_row, first_result, first_column, last_column;

  MULTIFUSE_HD attention_assignment(const attention_plan& plan, isize heads, isize block) {
    const isize row_tiles = (plan.rows + plan.rows_of_tile - 1) / plan.rows_of_tile;
    const isize chunks = (plan.results + plan.results_of_tile - 1) / plan.results_of_tile;
    first_row = block % row_tiles * plan.rows_of_tile;
    block /= row_tiles;
    first_result = block % chunks * plan.results_of_tile;
    block /= chunks;
    head = block % heads;
    block /= heads;
    item = block % (plan.pairs / heads);
    part = block / (plan.pairs / heads);
    first_column = part * plan.columns_of_part;
    last_column =
        first_column + plan.columns_of_part < plan.columns ? first_column + plan.columns_of_part : plan.columns;
  }
};

/// The larger of two numbers; NaN is larger than any.
template <class T> MULTIFUSE_HD T larger(T a, T b) { return a > b || a != a ? a : b; }

/// The most, or the sum, of a value over the threads that share a row.
template <class T, class Block> MULTIFUSE_DEVICE T most_of_row(const Block& block, T value) {
  for (int bits = attention_tile<T>::lanes / 2; bits > 0; bits /= 2) value = larger(value, block.exchange(value, bits));
  return value;
}
template <class T, class Block> MULTIFUSE_DEVICE T sum_of_row(const Block& block, T value) {
  for (int bits = attention_tile<T>::lanes / 2; bits > 0; bits /= 2) value += block.exchange(value, bits);
  return value;
}

/// softmax(scores) v for a tile of queries, from a running maximum and sum (Milakov and Gimelshein 2018). Writes
/// results [parts, items, queries, width of values] and the logarithms of their normalizers [parts, items, heads,
/// queries].
template <class T, int R, int V> struct attention_forward_kernel {
  using tile = attention_tile<T>;
  static constexpr int threads = tile::threads;
  static constexpr std::size_t shared_bytes = attention_shared<T, R, V>::bytes;
  attention_operands<T> x;
  attention_plan plan;
  T *y, *log_normalizers;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    const attention_shared<T, R, V> shared(block);
    const attention_place<T> place(block);
    const attention_assignment at(plan, x.a.heads, block.index());
    T sums[R][V] = {}, most[R], total[R] = {};
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) most[i] = hidden_score<T>;
    const head_rows<T> queries = x.queries(at.item, at.head).from(at.first_row, 0);
    head_rows<T> keys = x.keys(at.item, at.head), values = x.values(at.item, at.head);
    keys.rows = values.rows = at.last_column;
    for (isize first = at.first_column; first < at.last_column; first += tile::columns) {
      T scores[R][tile::columns_of_thread];
      row_products(block, shared, queries, keys.from(first, 0), scores);
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const isize query = at.first_row + place.row(i);
        T most_here = most[i];
        MULTIFUSE_UNROLL
        for (int j = 0; j < tile::columns_of_thread; ++j) {
          const isize key = first + place.column(j);
          const bool exists = query < x.a.queries && key < at.last_column;
          scores[i][j] = exists ? x.score(scores[i][j], at.item, at.head, query, key) : hidden_score<T>;
          most_here = larger(most_here, scores[i][j]);
        }
        most_here = most_of_row(block, most_here);
        const bool any = most_here != hidden_score<T>;
        const T smaller = any ? math::exp(most[i] - most_here) : T(1);
        most[i] = most_here;
        T total_here = T(0);
        MULTIFUSE_UNROLL
        for (int j = 0; j < tile::columns_of_thread; ++j) {
          const T weight = any ? math::exp(scores[i][j] - most_here) : T(0);
          shared.scores[place.row(i) * shared.score_stride + place.column(j)] = weight;
          total_here += weight;
        }
        MULTIFUSE_UNROLL
        for (int v = 0; v < V; ++v) sums[i][v] *= smaller;
        total[i] = total[i] * smaller + sum_of_row(block, total_here);
      }
      add_weighted_rows(block, shared, values.from(first, at.first_result), sums);
    }
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      const isize query = at.first_row + place.row(i);
      if (query >= x.a.queries) continue;
      const T inverse = total[i] == T(0) ? T(0) : T(1) / total[i];
      const isize row = (at.part * x.a.items + at.item) * x.a.queries + query;
      MULTIFUSE_UNROLL
      for (int v = 0; v < V; ++v) {
        const isize column = at.first_result + result_column<T>(place.lane, v);
        if (column < x.a.value_head) y[(row * x.a.heads + at.head) * x.a.value_head + column] = sums[i][v] * inverse;
      }
      if (place.lane == 0 && at.first_result == 0)
        log_normalizers[((at.part * x.a.items + at.item) * x.a.heads + at.head) * x.a.queries + query] =
            total[i] == T(0) ? hidden_score<T> : most[i] + std::log(total[i]);
    }
  }
};

/// Results of parts of the keys become the result of all, an element in a call.
template <class T> struct attention_combine_kernel {
  const T *part_y, *part_log_normalizers;
  T *y, *log_normalizers;
  isize parts, items, heads, queries, value_head;

  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize head = column / value_head, width = heads * value_head, rows = items * queries;
    const isize at = (row / queries * heads + head) * queries + row % queries, numbers = rows * heads;
    T most = hidden_score<T>;
    for (isize part = 0; part < parts; ++part) most = larger(most, part_log_normalizers[part * numbers + at]);
    T total = T(0), sum = T(0);
    for (isize part = 0; part < parts; ++part) {
      const T one = part_log_normalizers[part * numbers + at];
      const T weight = one == hidden_score<T> ? T(0) : math::exp(one - most);
      total += weight;
      sum += weight * part_y[(part * rows + row) * width + column];
    }
    y[row * width + column] = total == T(0) ? T(0) : sum / total;
    if (column % value_head == 0) log_normalizers[at] = total == T(0) ? hidden_score<T> : most + std::log(total);
  }
};

/// What the backward kernels read besides.
template <class T> struct attention_backward_operands {
  attention_operands<T> x;
  const T *dy, *log_normalizers;
  const T* expected;  ///< of the gradients of the probabilities [items, heads, queries]; see attention_expected_kernel

  MULTIFUSE_HD T probability(T product, isize item, isize head, isize query, isize key) const {
    const T score = x.score(product, item, head, query, key);
    return score == hidden_score<T> ? T(0) : math::exp(score - log_normalizers[number_of(item, head, query)]);
  }
  MULTIFUSE_HD T score_gradient(T product, T probability_gradient, isize item, isize head, isize query,
                                isize key) const {
    const T p = probability(product, item, head, query, key);
    return p * (probability_gradient - expected[number_of(item, head, query)]);
  }
  MULTIFUSE_HD isize number_of(isize item, isize head, isize query) const {
    return (item * x.a.heads + head) * x.a.queries + query;
  }
};

/// The scalar product of each result and its gradient: what softmax takes from the gradient of every probability.
template <class T> struct attention_expected_kernel {
  static constexpr bool works_on_a_row = true;
  const T *y, *dy;
  T* expected;
  isize heads, queries, value_head;

  MULTIFUSE_HD void operator()(isize pair, isize query) const {
    const isize at = ((pair / heads * queries + query) * heads + pair % heads) * value_head;
    T sum = T(0);
    for (isize c = 0; c < value_head; ++c) sum += y[at + c] * dy[at + c];
    expected[pair * queries + query] = sum;
  }
};

/// Which gradient a backward kernel computes, and what its rows are.
enum class attention_gradient { queries, keys, values };

/// The gradient of queries, keys or values for a tile of them. Adds to the gradient if `parts` is 1, else writes
/// partial gradients [parts, items, tokens, width].
template <class T, int R, attention_gradient Of> struct attention_backward_kernel {
  using tile = attention_tile<T>;
  static constexpr int threads = tile::threads;
  static constexpr std::size_t shared_bytes = attention_shared<T, R>::bytes;
  static constexpr bool rows_are_queries = Of == attention_gradient::queries;
  attention_backward_operands<T> b;
  attention_plan plan;
  T* gradient;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    const attention_shared<T, R> shared(block);
    const attention_place<T> place(block);
    const attention_assignment at(plan, b.x.a.heads, block.index());
    const head_rows<T> q = b.x.queries(at.item, at.head), k = b.x.keys(at.item, at.head);
    const head_rows<T> dy = b.x.results(b.dy, at.item, at.head), v = b.x.values(at.item, at.head);
    const head_rows<T> left = (rows_are_queries ? q : k).from(at.first_row, 0);
    const head_rows<T> left_values = (rows_are_queries ? dy : v).from(at.first_row, 0);
    head_rows<T> right = rows_are_queries ? k : q, right_values = rows_are_queries ? v : dy;
    right.rows = right_values.rows = at.last_column;
    T sums[R][tile::columns_of_thread] = {};
    for (isize first = at.first_column; first < at.last_column; first += tile::columns) {
      T products[R][tile::columns_of_thread], slopes[R][tile::columns_of_thread];
      row_products(block, shared, left, right.from(first, 0), products);
      if constexpr (Of != attention_gradient::values)
        row_products(block, shared, left_values, right_values.from(first, 0), slopes);
      MULTIFUSE_UNROLL
      for (int i = 0; i < R; ++i) {
        const isize row = at.first_row + place.row(i);
        MULTIFUSE_UNROLL
        for (int j = 0; j < tile::columns_of_thread; ++j) {
          const isize column = first + place.column(j);
          const isize query = rows_are_queries ? row : column, key = rows_are_queries ? column : row;
          T weight = T(0);
          if (row < plan.rows && column < at.last_column) {
            if constexpr (Of == attention_gradient::values)
              weight = b.probability(products[i][j], at.item, at.head, query, key);
            else
              weight = b.x.a.scale * b.score_gradient(products[i][j], slopes[i][j], at.item, at.head, query, key);
          }
          shared.scores[place.row(i) * shared.score_stride + place.column(j)] = weight;
        }
      }
      if constexpr (Of == attention_gradient::values)
        add_weighted_rows(block, shared, right_values.from(first, at.first_result), sums);
      else
        add_weighted_rows(block, shared, right.from(first, at.first_result), sums);
    }
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i) {
      const isize row = at.first_row + place.row(i);
      if (row >= plan.rows) continue;
      T* const to = gradient + ((at.part * b.x.a.items + at.item) * plan.rows + row) * b.x.a.heads * plan.results +
                    at.head * plan.results;
      MULTIFUSE_UNROLL
      for (int c = 0; c < tile::columns_of_thread; ++c) {
        const isize column = at.first_result + result_column<T>(place.lane, c);
        if (column < plan.results) to[column] = plan.parts == 1 ? to[column] + sums[i][c] : sums[i][c];
      }
    }
  }
};

/// The gradient of a bias. Adds to it if `parts` is 1, else writes partial gradients, laid out as the bias, one after
/// the other.
template <class T> struct tiled_bias_gradient_kernel {
  using tile = attention_tile<T>;
  static constexpr int R = tile::most_rows_of_thread, threads = tile::threads;
  static constexpr std::size_t shared_bytes = attention_shared<T, R>::bytes;
  attention_backward_operands<T> b;
  bias_gradient_plan plan;
  T* gradient;

  template <class Block> MULTIFUSE_DEVICE void operator()(const Block& block) const {
    const attention_arguments<T>& a = b.x.a;
    const attention_place<T> place(block);
    constexpr isize rows = attention_shared<T, R>::rows;
    isize rest = block.index();
    const isize key_tile = rest % plan.key_tiles;
    rest /= plan.key_tiles;
    const isize query_tile = rest % plan.query_tiles;
    rest /= plan.query_tiles;
    const isize own_head = rest % plan.heads, own_item = rest / plan.heads;  // or the part, where all items share
    T sums[R][tile::columns_of_thread] = {};
    for (isize item = own_item; item < a.items; item += plan.items * plan.parts)
      for (isize head = own_head; head < a.heads; head += plan.heads)
        for (isize query = query_tile * rows; query < a.queries; query += plan.query_tiles * rows)
          for (isize key = key_tile * tile::columns; key < a.keys; key += plan.key_tiles * tile::columns)
            add_tile(block, place, item, head, query, key, sums);
    store(block, place, own_item, own_head, query_tile * rows, key_tile * tile::columns, sums);
  }

 private:
  using tile_sums = T[R][tile::columns_of_thread];

  template <class Block>
  MULTIFUSE_DEVICE void add_tile(const Block& block, const attention_place<T>& place, isize item, isize head,
                                 isize query, isize key, tile_sums& sums) const {
    const attention_shared<T, R> shared(block);
    tile_sums products, slopes;
    row_products(block, shared, b.x.queries(item, head).from(query, 0), b.x.keys(item, head).from(key, 0), products);
    row_products(block, shared, b.x.results(b.dy, item, head).from(query, 0), b.x.values(item, head).from(key, 0),
                 slopes);
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i)
      MULTIFUSE_UNROLL
      for (int j = 0; j < tile::columns_of_thread; ++j)
        if (query + place.row(i) < b.x.a.queries && key + place.column(j) < b.x.a.keys)
          sums[i][j] += b.score_gradient(products[i][j], slopes[i][j], item, head, query + place.row(i),
                                         key + place.column(j));
  }

  /// Sums over the rows or columns of the tile where they share elements: one thread for each element, in a fixed
  /// order.
  template <class Block>
  MULTIFUSE_DEVICE void store(const Block& block, const attention_place<T>& place, isize item, isize head, isize query,
                              isize key, const tile_sums& sums) const {
    const attention_shared<T, R> shared(block);
    const attention_arguments<T>& a = b.x.a;
    MULTIFUSE_UNROLL
    for (int i = 0; i < R; ++i)
      MULTIFUSE_UNROLL
      for (int j = 0; j < tile::columns_of_thread; ++j)
        shared.scores[place.row(i) * shared.score_stride + place.column(j)] = sums[i][j];
    block.sync();
    const int rows = a.bias.query ? shared.rows : 1, columns = a.bias.key ? tile::columns : 1;
    for (int element = block.thread(); element < rows * columns; element += threads) {
      const int row = element / columns, column = element % columns;
      if (query + row >= a.queries || key + column >= a.keys) continue;
      T total = T(0);
      for (int r = row; r < (a.bias.query ? row + 1 : shared.rows); ++r)
        for (int c = column; c < (a.bias.key ? column + 1 : tile::columns); ++c)
          total += shared.scores[r * shared.score_stride + c];
      if (plan.parts == 1)
        gradient[b.x.bias_at(item, head, query + row, key + column)] += total;
      else
        gradient[item * plan.elements + b.x.bias_at(0, head, query + row, key + column)] = total;
    }
  }
};

}  // namespace multifuse::detail
