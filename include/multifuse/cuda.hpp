#pragma once
/// The whole library with its CUDA backend: needs a CUDA compiler and cublasLt. Everything else is in multifuse.hpp.
#include "backend/cuda/cuda.hpp"
#include "backend/cuda/staging.hpp"
#include "multifuse.hpp"
