#pragma once
#include <atomic>

#include "error.hpp"

namespace multifuse {

namespace detail {

/// The number of the device that this process computes on; -1 before the first use.
inline std::atomic<int>& cuda_device_number() {
  static std::atomic<int> number{-1};
  return number;
}

/// Makes the device of the process current in the calling thread. Throws cuda_error where there is none.
inline void enter_cuda_device() {
  int wanted = -1, current = -1;
  if (cuda_device_number().compare_exchange_strong(wanted, 0)) wanted = 0;  // else it now holds the chosen one
  check_cuda(cudaGetDevice(&current), "cudaGetDevice");
  if (wanted != current) check_cuda(cudaSetDevice(wanted), "cudaSetDevice");
}

/// Multiprocessors of the device of the process.
inline int multiprocessor_count() {
  static const int count = [] {
    enter_cuda_device();
    int asked = 0;
    check_cuda(cudaDeviceGetAttribute(&asked, cudaDevAttrMultiProcessorCount, cuda_device_number().load()),
               "cudaDeviceGetAttribute");
    return asked;
  }();
  return count;
}

}  // namespace detail

/// How many CUDA devices this process can use; 0 without a GPU or without a driver.
inline int cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  (void)cudaGetLastError();
  return 0;
}

/// Chooses the device of the process, before its first use; without a call it is device 0. One process computes on one
/// device. Throws cuda_error if there is no such device, argument_error if another one is already in use.
inline void select_cuda_device(int number) {
  detail::check_cuda(cudaSetDevice(number), "cudaSetDevice", "device " + std::to_string(number));
  int before = -1;
  if (detail::cuda_device_number().compare_exchange_strong(before, number) || before == number) return;
  detail::check_cuda(cudaSetDevice(before), "cudaSetDevice");
  throw argument_error("select_cuda_device", "another device is already in use", std::to_string(before),
                       std::to_string(number));
}

}  // namespace multifuse
