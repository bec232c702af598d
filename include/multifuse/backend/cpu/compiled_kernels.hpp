#pragma once
#include "attention_bf16.hpp"

/// The processor's kernels for float, double and bf16, compiled where this header is included: in one source of a
/// program whose other sources are compiled with MULTIFUSE_COMPILED_KERNELS defined, and so without the time that kernels
/// take in each of them.
namespace multifuse::detail {

template const matrix_kernels<float>& matrix_kernels_in_use<float>();
template const matrix_kernels<double>& matrix_kernels_in_use<double>();
template class matrix_product<float>;
template class matrix_product<double>;
template void attention_forward(const attention_arguments<float>&, float*, float*);
template void attention_forward(const attention_arguments<double>&, double*, double*);
template void attention_backward(const attention_arguments<float>&, const attention_gradients<float>&);
template void attention_backward(const attention_arguments<double>&, const attention_gradients<double>&);
template void bf16_attention_forward(const attention_arguments<bf16>&, bf16*, float*);
template void bf16_attention_backward(const attention_arguments<bf16>&, const attention_gradients<bf16>&);
template class bf16_product<bf16>;
template class bf16_product<float>;

}  // namespace multifuse::detail
