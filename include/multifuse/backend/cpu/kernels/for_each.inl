// Loops over elements or rows, compiled once for each set of vector instructions: kernels are inlined into them, and
// vectorized by the compiler. MULTIFUSE_SET names the namespace.

namespace multifuse::detail::MULTIFUSE_SET {

struct loops {
  template <class Kernel>
  [[gnu::noinline]] static void for_each(isize first_row, isize last_row, isize first_column, isize last_column,
                                         const Kernel& shared) {
    const Kernel kernel = shared;  // a local copy cannot alias what the kernel writes
    for (isize row = first_row; row < last_row; ++row) {
      MULTIFUSE_INDEPENDENT
      for (isize column = first_column; column < last_column; ++column) kernel(row, column);
    }
  }

  /// x = Function::value(x) for some rows of a matrix.
  template <class Function, class T>
  [[gnu::noinline]] static void apply(T* x, isize stride, isize rows, isize columns) {
    constexpr isize tile = 2 * MULTIFUSE_VECTOR_BYTES / isize(sizeof(T));  // as wide as most: a loop of known length
    for (isize row = 0; row < rows; ++row, x += stride)
      if (columns == tile) {
        MULTIFUSE_INDEPENDENT
        for (isize column = 0; column < tile; ++column) x[column] = Function::value(x[column]);
      } else {
        MULTIFUSE_INDEPENDENT
        for (isize column = 0; column < columns; ++column) x[column] = Function::value(x[column]);
      }
  }
};

}  // namespace multifuse::detail::MULTIFUSE_SET
