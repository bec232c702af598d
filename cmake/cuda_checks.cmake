# What needs nvcc: every header of the CUDA backend alone, the CPU/CUDA parity test, the timing program.
set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures to compile for")
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

add_library(multifuse_nvcc INTERFACE)
target_link_libraries(multifuse_nvcc INTERFACE multifuse::cuda multifuse_strict)
target_compile_options(multifuse_nvcc INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Werror=all-warnings>)

include(${PROJECT_SOURCE_DIR}/cmake/self_contained.cmake)
set(cuda_headers ${headers})
list(FILTER cuda_headers INCLUDE REGEX "/backend/cuda/|/multifuse/cuda\\.hpp$")
multifuse_self_contained(cuda_headers cu ${cuda_headers})
if(cuda_headers)
  target_link_libraries(cuda_headers PRIVATE multifuse_nvcc)
endif()

# The parity program: the files of tests/device, which g++ compiles against the strict stand-in, compiled for a GPU, and
# what only a GPU has. It returns 77 where no GPU answers.
find_package(doctest REQUIRED)
file(GLOB gpu_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/backend/*.cu)
file(GLOB parity_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/device/*.cpp)
set_source_files_properties(${parity_files} PROPERTIES LANGUAGE CUDA)
add_executable(cuda_parity ${gpu_files} ${parity_files})
target_link_libraries(cuda_parity PRIVATE multifuse_nvcc multifuse::io doctest::doctest)
add_test(NAME cuda.parity COMMAND cuda_parity)
set_tests_properties(cuda.parity PROPERTIES SKIP_RETURN_CODE 77 LABELS cuda TIMEOUT 600)

# The timing program of benchmarks/cuda/run_on_device.sh.
add_executable(time_blocks ${PROJECT_SOURCE_DIR}/benchmarks/cuda/time_blocks.cu
               ${PROJECT_SOURCE_DIR}/benchmarks/cuda/time_bf16.cu)
target_link_libraries(time_blocks PRIVATE multifuse_nvcc)

add_executable(example_on_a_gpu ${PROJECT_SOURCE_DIR}/examples/on_a_gpu.cu)
target_link_libraries(example_on_a_gpu PRIVATE multifuse_nvcc)
