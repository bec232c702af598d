#pragma once
#include "convolution_kernels.hpp"
#include "convolution_operands.hpp"
#include "copy_rows.hpp"

namespace multifuse {

/// The operation behind `convolution`: windows of x, taken apart by groups of channels, times a weight matrix
/// [out, taps, in / groups]; the bias [out] is optional. `Where` names the layer in messages. Windows are copied to
/// scratch memory block by block, so that each block is one matrix product, unless the device reads them where they are
/// (`multiplies_gathered`); windows of one element are read where they are, and channels that are a group each have
/// kernels of their own.
template <class Where, window_config C, isize Groups> struct convolution_op {
  using numbers = multifuse::shape<samples<>>;
  static constexpr bool reads_static_extents = true;

  template <class S, class W, class... B> constexpr auto shape(const S& x, const W&, const B&...) const {
    constexpr isize in = W::static_extents[2] * Groups;
    static_assert(extent_mismatch<Where, last_tag<S>, in, S::static_extents.back()>::value,
                  "multifuse: this layer expects another extent on this axis (read: layer, axis, expected, got)");
    if (S::static_extents.back() == dynamic && x.last() != in)
      throw shape_error("convolution", "wrong number of channels of " + x.to_string(), std::to_string(in),
                        std::to_string(x.last()));
    return detail::shape_of_windows<Where, C, W::static_extents[0]>("convolution", x);
  }
  template <class R, class S, class W, class... B>
  constexpr double flops(const R& y, const S&, const W& weight, const B&...) const {
    return 2.0 * double(y.size()) * double(weight[1] * weight[2]) + (sizeof...(B) > 0 ? double(y.size()) : 0.0);
  }

  template <class D, class R, class S, class W, class... B>
  void forward(const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight, const B&... bias) const {
    using T = typename D::scalar;
    const sizes<W> n(x.dims(), y.dims());
    if constexpr (n.depthwise) {
      const T* start = nullptr;
      ((start = bias.data()), ...);
      const auto turned = by_taps(weight);
      D::for_each(n.positions, n.blocks(),
                  detail::depthwise_kernel<T, C, false>{x.data(), turned.data(), start, y.data(), n.view, n.in, false});
    } else {
      if constexpr (may_gather<D>)
        if (gathers<D>(n, x.data(), weight.data(), y.data())) {
          const T* start = nullptr;
          ((start = bias.data()), ...);
          return D::multiply_gathered(detail::convolution_forward_product<T, C, extents<W>>{
              x.data(), weight.data(), start, y.data(), n.for_operands(), int(n.positions)});
        }
      (detail::copy_rows<D>(n.positions, n.out, bias.data(), 0, y.data(), n.out), ...);
      for_each_block<D>(n, [&](isize first, isize rows, T* scratch) {
        const T* const patches = gather<D>(n, first, rows, x.data(), scratch);
        D::multiply(Groups, rows, n.out_of_group, n.patch_of_group, T(1), {patches, n.patch, n.patch_of_group},
                    {weight.data(), n.patch_of_group, n.out_of_group * n.patch_of_group, layout::transposed},
                    T(sizeof...(B) > 0), {y.data() + first * n.out, n.out, n.out_of_group});
      });
    }
  }

  template <class D, class R, class S, class W>
  void backward(const tensor<D, R>& dy, const tensor<D, R>&, const tensor<D, S>& x, const tensor<D, W>& weight,
                const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight) const {
    const sizes<W> n(x.dims(), dy.dims());
    if constexpr (n.depthwise) {
      if (dx) depthwise_input(n, dy, weight, dx);
      if (dweight) depthwise_weight(n, dy, x, dweight);
    } else {
      if (dweight) weight_gradient(n, dy, x, dweight);
      if (dx) input_gradient(n, dy, weight, dx);
    }
  }
  template <class D, class R, class S, class W, class B>
  void backward(const tensor<D, R>& dy, const tensor<D, R>& y, const tensor<D, S>& x, const tensor<D, W>& weight,
                const tensor<D, B>&, const gradient_sink<D, S>& dx, const gradient_sink<D, W>& dweight,
                const gradient_sink<D, B>& dbias) const {
    backward(dy, y, x, weight, dx, dweight);
    if (dbias) {
      const auto to = dbias.open();
      D::sum(1, dy.dims().leading(), dy.dims().last(), dy.data(), to.beta, to.data);
    }
  }

 private:
  /// Windows that are one element of the input each, in order: the input is the matrix of patches.
  static constexpr bool pointwise_windows = [] {
    for (std::size_t i = 0; i < 3; ++i)
      if (C.tap(i) != 1 || C.step(i) != 1 || C.padding[i] != 0) return false;
    return true;
  }();

  /// Copies of windows that share elements are larger than the input. Those of others (patches of an image) are not: there
  /// the copy costs less than a product of the device's own library gains.
  static constexpr bool windows_overlap = [] {
    for (std::size_t i = 0; i < 3; ++i)
      if (C.step(i) <= C.reach(i)) return true;
    return false;
  }();
  template <class D> static constexpr bool may_gather = multiplies_gathered<D> && windows_overlap;

  template <class W>
  using extents =
      detail::convolution_extents<C, int(W::static_extents[2]), int(W::static_extents[0] / Groups), int(Groups)>;

  /// Whether the device reads these where they are: it counts rows in 32 bits, and reads vectors.
  template <class D, class N, class... T> static bool gathers(const N& n, const T*... all) {
    constexpr isize most = isize(1) << 30;
    return D::gathers_operands() && n.positions < most && n.elements < most && (detail::holds_vectors(all) && ...);
  }

  template <class W> struct sizes {
    static constexpr isize out = W::static_extents[0], in_of_group = W::static_extents[2], in = in_of_group * Groups,
                           out_of_group = out / Groups, patch_of_group = C.taps() * in_of_group, patch = C.taps() * in;
    static constexpr bool depthwise = Groups > 1 && in_of_group == 1 && out_of_group == 1;
    detail::window_view<C> view;
    isize items, positions, elements;  // of all items

    template <class S, class R>
    sizes(const S& x, const R& y)
        : view(detail::view_of_windows<C>(x, y)), items(x.product(0, S::rank - 1 - C.axes())),
          positions(items * view.positions()), elements(items * view.elements()) {}

    static constexpr isize blocks() { return detail::channel_blocks(in); }
    extents<W> for_operands() const {
      extents<W> all{{}, {}, int(items)};
      for (std::size_t i = 0; i < C.axes(); ++i)
        all.elements.extent[i] = int(view.in[i]), all.positions.extent[i] = int(view.out[i]);
      return all;
    }
    /// Positions that are worked on at once: few enough for a bounded scratch memory that stays in the cache, that of a
    /// core or that of a whole GPU.
    template <class D> isize positions_of_block() const {
      constexpr isize budget = isize(1) << (requires { D::multiprocessors(); } ? 23 : 18);
      constexpr isize most = budget / patch < 16 ? 16 : budget / patch;
      return pointwise_windows || positions < most ? positions : most;
    }
  };

  /// Calls `work(first position, number of positions, scratch)` for each block.
  template <class D, class N> static void for_each_block(const N& n, const auto& work) {
    const isize most = n.template positions_of_block<D>();
    tensor<D, numbers> scratch;
    if constexpr (!pointwise_windows) scratch = tensor<D, numbers>(numbers(most * n.patch));
    for (isize first = 0; first < n.positions; first += most)
      work(first, most < n.positions - first ? most : n.positions - first, scratch.data());
  }

  template <class D, class N, class T>
  static const T* gather(const N& n, isize first, isize rows, const T* x, T* scratch) {
    if constexpr (pointwise_windows) {
      return x;
    } else {
      using kernel = detail::gather_patches_kernel<T, C>;
      D::for_each(rows, Groups * kernel::runs, kernel{x, scratch, n.view, first, n.in, n.in_of_group});
      return scratch;
    }
  }

  template <class D, class N, class R, class S, class W>
  static void weight_gradient(const N& n, const tensor<D, R>& dy, const tensor<D, S>& x,
                              const gradient_sink<D, W>& dweight) {
    using T = typename D::scalar;
    const auto to = dweight.open();
    if constexpr (may_gather<D>)
      if (gathers<D>(n, x.data(), dy.data(), to.data))
        return D::multiply_gathered(detail::convolution_weight_product<T, C, extents<W>>{
            x.data(), dy.data(), to.data, n.for_operands(), to.beta != T(0), int(n.positions)});
    for_each_block<D>(n, [&](isize first, isize rows, T* scratch) {
      const T* const patches = gather<D>(n, first, rows, x.data(), scratch);
      D::multiply(Groups, n.out_of_group, n.patch_of_group, rows, T(1),
                  {dy.data() + first * n.out, n.out, n.out_of_group, layout::transposed},
                  {patches, n.patch, n.patch_of_group}, first > 0 ? T(1) : to.beta,
                  {to.data, n.patch_of_group, n.out_of_group * n.patch_of_group});
    });
  }

  template <class D, class N, class R, class S, class W>
  static void input_gradient(const N& n, const tensor<D, R>& dy, const tensor<D, W>& weight,
                             const gradient_sink<D, S>& dx) {
    using T = typename D::scalar;
    const auto multiply = [&](isize first, isize rows, T beta, T* patches) {
      D::multiply(Groups, rows, n.patch_of_group, n.out_of_group, T(1),
                  {dy.data() + first * n.out, n.out, n.out_of_group},
                  {weight.data(), n.patch_of_group, n.out_of_group * n.patch_of_group}, beta,
                  {patches, n.patch, n.patch_of_group});
    };
    if constexpr (pointwise_windows) {
      const auto to = dx.open();
      multiply(0, n.positions, to.beta, to.data);
    } else {
      if constexpr (may_gather<D>)
        if (gathers<D>(n, dy.data(), weight.data(), dx.current().data())) {
          using product = detail::convolution_input_product<T, C, extents<W>>;
          const auto all = n.for_operands();
          const auto to = dx.open();
          const int rows = all.items * product::left::grid_of(all).size();
          return D::multiply_gathered(product{dy.data(), weight.data(), to.data, all, to.beta != T(0), rows});
        }
      T* const to = dx.add_to();
      for_each_block<D>(n, [&](isize first, isize rows, T* scratch) {
        multiply(first, rows, T(0), scratch);
        const isize begin = edge(n, first, -C.padding[0]);
        const isize end = edge(n, first + rows - 1, C.reach(0) - C.padding[0] + 1);
        if (end > begin)
          D::for_each((end - begin) * Groups, detail::channel_blocks(n.in_of_group),
                      detail::collect_patches_kernel<T, C>{scratch, to, n.view, begin, first, rows, n.in,
                                                           n.in_of_group});
      });
    }
  }

  /// The element, counted through all items, that is first on a line of the first spatial axis: `offset` lines from
  /// where the window at `position` would start without padding, but inside its item.
  template <class N> static isize edge(const N& n, isize position, isize offset) {
    const isize lines = n.view.positions() / n.view.out[0], item = position / n.view.positions();
    const isize line = position % n.view.positions() / lines * C.step(0) + offset;
    const isize inside = line < 0 ? 0 : line > n.view.in[0] ? n.view.in[0] : line;
    return item * n.view.elements() + inside * (n.view.elements() / n.view.in[0]);
  }

  /// Depthwise weights as [taps, channels].
  template <class D, class W> static tensor<D, numbers> by_taps(const tensor<D, W>& weight) {
    using T = typename D::scalar;
    const tensor<D, numbers> turned(numbers{weight.size()});
    const isize channels = weight.dims()[0];
    D::for_each(C.taps(), channels,
                detail::turn_weight_kernel<T>{weight.data(), turned.data(), C.taps(), channels, false, false});
    return turned;
  }
  template <class D, class N, class R, class S, class W>
  static void depthwise_input(const N& n, const tensor<D, R>& dy, const tensor<D, W>& weight,
                              const gradient_sink<D, S>& dx) {
    using T = typename D::scalar;
    const auto to = dx.open();
    const auto turned = by_taps(weight);
    D::for_each(n.elements, n.blocks(),
                detail::depthwise_kernel<T, C, true>{dy.data(), turned.data(), nullptr, to.data, n.view, n.in,
                                                     to.beta != T(0)});
  }
  template <class D, class N, class R, class S, class W>
  static void depthwise_weight(const N& n, const tensor<D, R>& dy, const tensor<D, S>& x,
                               const gradient_sink<D, W>& dweight) {
    using T = typename D::scalar;
    const auto to = dweight.open();
    const tensor<D, numbers> of_items(numbers{n.items * n.patch}), total(numbers{n.patch});
    D::for_each(n.items * C.taps(), n.blocks(),
                detail::depthwise_weight_kernel<T, C>{x.data(), dy.data(), of_items.data(), n.view, n.in});
    D::sum(1, n.items, n.patch, of_items.data(), T(0), total.data());
    D::for_each(C.taps(), n.in,
                detail::turn_weight_kernel<T>{total.data(), to.data, C.taps(), n.in, true, to.beta != T(0)});
  }
};

}  // namespace multifuse
