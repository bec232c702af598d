#pragma once
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <string>
#include <string_view>

#include "../../core/error.hpp"

namespace multifuse {

/// A call of CUDA or cuBLASLt failed: carries the call, the name of its code and the place in the source.
class cuda_error : public device_error {
 public:
  /// @param call     the function that failed, e.g. "cudaMallocAsync"
  /// @param code     the name of what it returned, e.g. "cudaErrorMemoryAllocation"
  /// @param meaning  the library's own words for it, and what was asked for
  cuda_error(std::string_view call, std::string_view code, std::string_view meaning, const char* file, int line)
      : device_error(call, "failed at " + std::string(file) + ":" + std::to_string(line), "success",
                     std::string(code) + " (" + std::string(meaning) + ")"),
        call_(call),
        code_(code),
        file_(file),
        line_(line) {}

  const std::string& call() const { return call_; }
  const std::string& code() const { return code_; }
  const std::string& file() const { return file_; }
  int line() const { return line_; }

 private:
  std::string call_, code_, file_;
  int line_;
};

namespace detail {

/// Throws cuda_error unless the code says success. Errors that do not break the device are forgotten by the runtime, so
/// that the next call starts afresh.
inline void check_cuda(cudaError_t code, std::string_view call, std::string_view asked = {},
                       const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (code == cudaSuccess) return;
  (void)cudaGetLastError();
  std::string meaning = cudaGetErrorString(code);
  if (!asked.empty()) meaning.append("; ").append(asked);
  throw cuda_error(call, cudaGetErrorName(code), meaning, file, line);
}

/// The same for cuBLASLt.
inline void check_cublas(cublasStatus_t code, std::string_view call, std::string_view asked = {},
                         const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (code == CUBLAS_STATUS_SUCCESS) return;
  std::string meaning = cublasLtGetStatusString(code);
  if (!asked.empty()) meaning.append("; ").append(asked);
  throw cuda_error(call, cublasLtGetStatusName(code), meaning, file, line);
}

}  // namespace detail

}  // namespace multifuse
