#pragma once
#include <cstddef>
#include <cstdint>

/// Marks functions that run on the host and, when a CUDA compiler reads the header, on the device as well.
#if defined(__CUDACC__)
#define MULTIFUSE_HD __host__ __device__
#else
#define MULTIFUSE_HD
#endif

namespace multifuse {

/// Signed size and subscript type of the whole library.
using isize = std::ptrdiff_t;

/// Extent of an axis whose length is known only at run time.
inline constexpr isize dynamic = -1;

}  // namespace multifuse
