// The loop over all elements or rows, compiled once for each set of vector instructions: kernels are inlined into it, and
// vectorized by the compiler. MULTIFUSE_SET names the namespace.

namespace multifuse::detail::MULTIFUSE_SET {

template <class Kernel> [[gnu::noinline]] void for_each(isize rows, isize columns, const Kernel& shared) {
  const Kernel kernel = shared;  // a local copy cannot alias what the kernel writes
  for (isize row = 0; row < rows; ++row) {
    MULTIFUSE_INDEPENDENT
    for (isize column = 0; column < columns; ++column) kernel(row, column);
  }
}

}  // namespace multifuse::detail::MULTIFUSE_SET
