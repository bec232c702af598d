#pragma once
#include "copy_rows.hpp"
#include "refuse.hpp"

namespace multifuse {

namespace detail {

/// True if all axes of the ids but the last one are the first axes of S, and axis `Tag` of S stands behind them.
template <class Ids, class S, class Tag> inline constexpr bool ids_fit = false;
template <class... I, class S, class Tag>
inline constexpr bool ids_fit<shape<I...>, S, Tag> = [] {
  const isize items = isize(sizeof...(I)) - 1;
  bool leading = items <= isize(S::template position<Tag>());
  isize place = 0;
  ((leading = leading && (place >= items || isize(S::template position<typename I::tag>()) == place), ++place), ...);
  return leading && sizeof...(I) > 0 && S::template has<Tag>;
}();

/// The elements that ids pick: [items, middle, extent, inner] -> [items, middle, count, inner].
struct picked {
  isize items, middle, extent, count, inner;
};

/// Of a value of shape S along axis `Tag`; throws shape_error where the ids have other extents than the value.
template <class Where, class Tag, class S, class I> constexpr picked picked_of(const S& x, const I& ids) {
  constexpr std::size_t items = I::rank - 1, place = S::template position<Tag>();
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    static_assert(((S::static_extents[K] == dynamic || I::static_extents[K] == dynamic ||
                    S::static_extents[K] == I::static_extents[K]) &&
                   ...),
                  "multifuse: ids for each item have the extents of the value's first axes");
  }
  (std::make_index_sequence<items>{});
  for (std::size_t i = 0; i != items; ++i)
    if (x[i] != ids[i])
      throw shape_error(Where::name, "ids and value disagree on the " + std::string(S::names()[i]) + " axis",
                        std::to_string(x[i]), std::to_string(ids[i]));
  return {x.product(0, items), x.product(items, place), x[place], ids.last(), x.product(place + 1, S::rank)};
}

template <class T> struct pick_kernel {
  picked where;
  const std::int32_t* ids;
  const T* from;
  T* to;
  bool accumulate;
  MULTIFUSE_HD void operator()(isize row, isize column) const {
    const isize j = row % where.count, outer = row / where.count;
    const isize id = ids[outer / where.middle * where.count + j];
    T& target = to[row * where.inner + column];
    const T x = from[(outer * where.extent + id) * where.inner + column];
    target = accumulate ? target + x : x;
  }
};

template <class D, class T> void pick(const picked& where, const std::int32_t* ids, const T* from, T* to, T beta) {
  D::for_each(where.items * where.middle * where.count, where.inner,
              pick_kernel<T>{where, ids, from, to, beta != T(0)});
}

/// One call adds up a few neighboring columns of one outer part, in the order of the ids: deterministic without
/// atomics.
template <class T> struct put_kernel {
  static constexpr isize width = 16;  // a cache line of floats
  picked where;
  const std::int32_t* ids;
  const T* from;
  T* to;
  MULTIFUSE_HD void operator()(isize outer, isize block) const {
    const isize first = block * width;
    const isize last = first + width < where.inner ? first + width : where.inner;
    for (isize j = 0; j < where.count; ++j) {
      const isize id = ids[outer / where.middle * where.count + j];
      T* const target = to + (outer * where.extent + id) * where.inner;
      const T* const x = from + (outer * where.count + j) * where.inner;
      for (isize column = first; column < last; ++column) target[column] = target[column] + x[column];
    }
  }
};

template <class D, class T> void put(const picked& where, const std::int32_t* ids, const T* from, T* to) {
  const isize width = put_kernel<T>::width;
  D::for_each(where.items * where.middle, (where.inner + width - 1) / width, put_kernel<T>{where, ids, from, to});
}

}  // namespace detail

/// The message of ids that do not fit a value: all their axes but the last are the value's first ones, before axis
/// `Tag`.
template <class Ids, class S, class Tag>
concept ids_for_axis = detail::ids_fit<Ids, S, Tag>;

/// The operation behind `gather`.
template <class Tag> struct gather_op {
  static constexpr std::string_view name = "gather";
  static constexpr bool backward_ignores_inputs = true;

  template <class S, class I> constexpr auto shape(const S& x, const I& ids) const {
    using R = exchange_axis<S, Tag, axis<last_tag<I>, I::static_extents.back()>>;
    static_assert(axes_with_different_names<R>,
                  "multifuse: the last axis of the ids has the name of another axis of the value");
    const auto where = detail::picked_of<gather_op, Tag>(x, ids);
    return with_extent<R, Tag>(x, where.count);
  }
  template <class R> constexpr double flops(const R&, const auto&, const auto&) const { return 0; }
  template <class R> constexpr double backward_flops(const R& y, const auto&, const auto&) const {
    return double(y.size());
  }

  template <class D, class R, class S, class DI, class I>
  tensor<DI, I> forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<DI, I>& ids) const {
    const auto where = detail::picked_of<gather_op, Tag>(x.dims(), ids.dims());
    detail::refuse_outside(name, "id", ids, where.extent);
    detail::pick<D>(where, ids.data(), x.data(), y.data(), typename D::scalar(0));
    return ids;
  }
  template <class D, class R, class DI, class I, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<DI, I>& ids, const auto&, const auto&,
                const gradient_sink<D, S>& dx, const auto&) const {
    if (dx)
      detail::put<D>(detail::picked_of<gather_op, Tag>(dx.dims(), ids.dims()), ids.data(), dy.data(), dx.add_to());
  }
};

/// The operation behind `scatter`: axis `Tag` of extent N (its number for dynamic N) in place of the ids' last axis.
template <class Tag, isize N> struct scatter_op {
  static constexpr std::string_view name = "scatter";
  static constexpr bool backward_ignores_inputs = true;
  isize extent = N;

  template <class S, class I> constexpr auto shape(const S& x, const I& ids) const {
    using R = exchange_axis<S, last_tag<I>, axis<Tag, N>>;
    static_assert(axes_with_different_names<R>, "multifuse: the new axis has the name of another axis of the value");
    const isize count = x.template extent<last_tag<I>>();
    if (count != ids.last())
      throw shape_error(name, "not one id for each element of the " + std::string(last_tag<I>::name) + " axis",
                        std::to_string(count), std::to_string(ids.last()));
    const R result = with_extent<R, last_tag<I>>(x, extent);
    detail::picked_of<scatter_op, Tag>(result, ids);
    return result;
  }
  template <class R, class S> constexpr double flops(const R&, const S& x, const auto&) const {
    return double(x.size());
  }
  constexpr double backward_flops(const auto&, const auto&, const auto&) const { return 0; }

  template <class D, class R, class S, class DI, class I>
  tensor<DI, I> forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<DI, I>& ids) const {
    detail::refuse_outside(name, "id", ids, extent);
    D::fill(y.data(), y.size(), typename D::scalar(0));
    detail::put<D>(detail::picked_of<scatter_op, Tag>(y.dims(), ids.dims()), ids.data(), x.data(), y.data());
    return ids;
  }
  template <class D, class R, class DI, class I, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<DI, I>& ids, const auto&, const auto&,
                const gradient_sink<D, S>& dx, const auto&) const {
    if (!dx) return;
    const auto to = dx.open();
    detail::pick<D>(detail::picked_of<scatter_op, Tag>(dy.dims(), ids.dims()), ids.data(), dy.data(), to.data, to.beta);
  }
};

/// The operation behind `embedding_lookup`.
struct embedding_lookup_op {
  static constexpr bool backward_ignores_inputs = true;

  template <class S, class I> constexpr auto shape(const S& table, const I& ids) const {
    using R = join_shapes<I, multifuse::shape<axis<last_tag<S>, S::static_extents.back()>>>;
    static_assert(axes_with_different_names<R>, "multifuse: the ids have the table's last axis");
    std::array<isize, R::rank> extents{};
    for (std::size_t i = 0; i < I::rank; ++i) extents[i] = ids[i];
    extents.back() = table.last();
    return R::from(extents);
  }
  template <class R> constexpr double flops(const R&, const auto&, const auto&) const { return 0; }
  template <class R> constexpr double backward_flops(const R& y, const auto&, const auto&) const {
    return double(y.size());
  }

  template <class D, class R, class S, class DI, class I>
  tensor<DI, I> forward(const tensor<D, R>& y, const tensor<D, S>& table, const tensor<DI, I>& ids) const {
    detail::refuse_outside("embedding_lookup", "id", ids, table.dims()[0]);
    detail::pick<D>(where(table.dims(), ids.size()), ids.data(), table.data(), y.data(), typename D::scalar(0));
    return ids;
  }
  template <class D, class R, class DI, class I, class S>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<DI, I>& ids, const auto&, const auto&,
                const gradient_sink<D, S>& dtable, const auto&) const {
    if (dtable) detail::put<D>(where(dtable.dims(), ids.size()), ids.data(), dy.data(), dtable.add_to());
  }

 private:
  static constexpr detail::picked where(const auto& table, isize count) {
    return {1, 1, table[0], count, table.last()};
  }
};

/// Picks elements of a named axis: `gather<tokens_axis>(x, ids)` of x [batch, tokens, width] with 32-bit integer ids
/// [kept] (the same for all items) or [batch, kept] (for each item) is [batch, kept, width]; an id may occur
/// repeatedly. Throws argument_error for an id outside 0 ... extent - 1, shape_error for ids of other items.
template <class Tag, value X, value Ids>
requires ids_for_axis<detail::shape_of_t<Ids>, detail::shape_of_t<X>, Tag>
constexpr auto gather(const X& x, const Ids& ids) { return apply(gather_op<Tag>{}, x, ids); }

/// The transpose of `gather<Tag>` with the same ids: elements go to the places that the ids name and add up there,
/// always in the same order; the other places are 0. `scatter<tokens_axis>(y, ids, 196)` of [batch, kept, width] with
/// ids [batch, kept] is [batch, tokens 196, width]. Throws as `gather`.
template <class Tag, value X, value Ids>
requires ids_for_axis<detail::shape_of_t<Ids>, detail::shape_of_t<X>, last_tag<detail::shape_of_t<Ids>>>
constexpr auto scatter(const X& x, const Ids& ids, isize extent) {
  return apply(scatter_op<Tag, dynamic>{extent}, x, ids);
}
/// Likewise with a static extent: `scatter<tokens_axis, 196>(y, ids)`.
template <class Tag, isize N, value X, value Ids>
requires ids_for_axis<detail::shape_of_t<Ids>, detail::shape_of_t<X>, last_tag<detail::shape_of_t<Ids>>>
constexpr auto scatter(const X& x, const Ids& ids) { return apply(scatter_op<Tag, N>{}, x, ids); }

/// Rows of a table [entries, width] for 32-bit integer ids of any shape: ids [batch, tokens] give [batch, tokens,
/// width]. If the table is a parameter to be trained, put the ids on the tape: `embedding_lookup(table, record(tape,
/// ids))`. Throws argument_error for an id outside 0 ... entries - 1.
template <value Table, value Ids>
requires(detail::shape_of_t<Table>::rank == 2) constexpr auto embedding_lookup(const Table& table, const Ids& ids) {
  return apply(embedding_lookup_op{}, table, ids);
}

}  // namespace multifuse
