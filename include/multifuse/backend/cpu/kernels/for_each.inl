// The loop over elements or rows, compiled once for each set of vector instructions: kernels are inlined into it, and
// vectorized by the compiler. MULTIFUSE_SET names the namespace.

namespace multifuse::detail::MULTIFUSE_SET {

template <class Kernel>
[[gnu::noinline]] void for_each(isize first_row, isize last_row, isize first_column, isize last_column,
                                const Kernel& shared) {
  const Kernel kernel = shared;  // a local copy cannot alias what the kernel writes
  for (isize row = first_row; row < last_row; ++row) {
    MULTIFUSE_INDEPENDENT
    for (isize column = first_column; column < last_column; ++column) kernel(row, column);
  }
}

}  // namespace multifuse::detail::MULTIFUSE_SET
