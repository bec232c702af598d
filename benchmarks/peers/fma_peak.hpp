#pragma once
#if !defined(__x86_64__)
#error "the peak is measured on x86-64 only"
#endif
#include <immintrin.h>

#include <string_view>

/// How many fused multiply-adds of 32-bit numbers the processor does when nothing holds it up: independent chains in
/// registers, no memory. What a library reaches is measured against this.
namespace peers {

/// One way to do many multiply-adds.
struct fma_loop {
  std::string_view instructions;
  double flops_a_turn;       ///< a multiply-add counts two
  float (*run)(long turns);  ///< returns something that depends on all of them
};

namespace detail {

// Twelve chains cover a latency of six cycles on two units. The empty asm keeps the values in registers, unfolded.
#define MULTIFUSE_PEERS_FMA_LOOP(NAME, TARGET, VECTOR, SET, MULTIPLY_ADD, FIRST, REGISTER)                      \
  __attribute__((target(TARGET), noinline)) inline float NAME(long turns) {                                     \
    const VECTOR factor = SET(0.999f), term = SET(0.001f);                                                      \
    VECTOR a = SET(1.0f), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;          \
    for (long turn = 0; turn < turns; ++turn) {                                                                 \
      a = MULTIPLY_ADD(a, factor, term), b = MULTIPLY_ADD(b, factor, term), c = MULTIPLY_ADD(c, factor, term);  \
      d = MULTIPLY_ADD(d, factor, term), e = MULTIPLY_ADD(e, factor, term), f = MULTIPLY_ADD(f, factor, term);  \
      g = MULTIPLY_ADD(g, factor, term), h = MULTIPLY_ADD(h, factor, term), i = MULTIPLY_ADD(i, factor, term);  \
      j = MULTIPLY_ADD(j, factor, term), k = MULTIPLY_ADD(k, factor, term), l = MULTIPLY_ADD(l, factor, term);  \
      asm volatile("" : REGISTER(a), REGISTER(b), REGISTER(c), REGISTER(d), REGISTER(e), REGISTER(f));          \
      asm volatile("" : REGISTER(g), REGISTER(h), REGISTER(i), REGISTER(j), REGISTER(k), REGISTER(l));          \
    }                                                                                                           \
    return FIRST(a) + FIRST(b) + FIRST(c) + FIRST(d) + FIRST(e) + FIRST(f) + FIRST(g) + FIRST(h) + FIRST(i) +   \
           FIRST(j) + FIRST(k) + FIRST(l);                                                                      \
  }
#define MULTIFUSE_PEERS_SSE_MULTIPLY_ADD(x, y, z) _mm_add_ps(_mm_mul_ps(x, y), z)

MULTIFUSE_PEERS_FMA_LOOP(fma_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32, "+v")
MULTIFUSE_PEERS_FMA_LOOP(fma_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32, "+x")
MULTIFUSE_PEERS_FMA_LOOP(fma_sse, "sse2", __m128, _mm_set1_ps, MULTIFUSE_PEERS_SSE_MULTIPLY_ADD, _mm_cvtss_f32, "+x")

#undef MULTIFUSE_PEERS_SSE_MULTIPLY_ADD
#undef MULTIFUSE_PEERS_FMA_LOOP

}  // namespace detail

/// The widest that this processor has.
inline fma_loop widest_fma_loop() {
  if (__builtin_cpu_supports("avx512f")) return {"AVX-512", 12 * 16 * 2, detail::fma_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"AVX2", 12 * 8 * 2, detail::fma_avx2};
  return {"SSE", 12 * 4 * 2, detail::fma_sse};
}

}  // namespace peers
