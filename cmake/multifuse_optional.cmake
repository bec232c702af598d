# The parts of multifuse that need more than Eigen, each defined only where its dependency is found.
# Read by the project itself and by the installed package, so that both offer the same targets.

# multifuse::io: for the headers of io/ that read or write JSON (safetensors).
find_package(nlohmann_json QUIET)
if(nlohmann_json_FOUND AND NOT TARGET multifuse::io)
  add_library(multifuse::io INTERFACE IMPORTED GLOBAL)
  target_link_libraries(multifuse::io INTERFACE multifuse::multifuse nlohmann_json::nlohmann_json)
endif()

# multifuse::cuda: for multifuse/cuda.hpp.
find_package(CUDAToolkit QUIET)
if(CUDAToolkit_FOUND AND NOT TARGET multifuse::cuda)
  add_library(multifuse::cuda INTERFACE IMPORTED GLOBAL)
  target_link_libraries(multifuse::cuda INTERFACE multifuse::multifuse CUDA::cublasLt CUDA::cudart)
endif()
