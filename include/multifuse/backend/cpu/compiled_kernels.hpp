#pragma once
#include "attention.hpp"
#include "multiply_bf16.hpp"

/// The processor's kernels for float, double and bf16, compiled where this header is included: in one source of a program
/// whose other sources are compiled with MULTIFUSE_COMPILED_KERNELS defined, and so without the seconds that kernels take in
/// each of them.
namespace multifuse::detail {

template const matrix_kernels<float>& matrix_kernels_in_use<float>();
template const matrix_kernels<double>& matrix_kernels_in_use<double>();
template const attention_kernels<float>& attention_kernels_in_use<float>();
template const attention_kernels<double>& attention_kernels_in_use<double>();
template class bf16_product<bf16>;
template class bf16_product<float>;

}  // namespace multifuse::detail
