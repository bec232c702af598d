#pragma once
#include <atomic>
#include <cstdlib>
#include <string>

#include "../../core/error.hpp"

/// Compiles what follows for a set of vector instructions that the rest of the program need not be compiled for.
#if defined(__clang__)
#define MULTIFUSE_COMPILE_FOR(SET) \
  MULTIFUSE_PRAGMA(clang attribute push(__attribute__((target(SET))), apply_to = function))
#define MULTIFUSE_COMPILE_FOR_ALL MULTIFUSE_PRAGMA(clang attribute pop)
#elif defined(__CUDACC__)  // whose front end does not know how to optimize one function
#define MULTIFUSE_COMPILE_FOR(SET) MULTIFUSE_PRAGMA(GCC push_options) MULTIFUSE_PRAGMA(GCC target(SET))
#define MULTIFUSE_COMPILE_FOR_ALL MULTIFUSE_PRAGMA(GCC pop_options)
#else
#define MULTIFUSE_COMPILE_FOR(SET)   \
  MULTIFUSE_PRAGMA(GCC push_options) \
  MULTIFUSE_PRAGMA(GCC target(SET ",prefer-vector-width=512")) MULTIFUSE_PRAGMA(GCC optimize("O3"))
#define MULTIFUSE_COMPILE_FOR_ALL MULTIFUSE_PRAGMA(GCC pop_options)
#endif
#define MULTIFUSE_PRAGMA(TEXT) _Pragma(#TEXT)

/// Says that the iterations of the next loop touch different elements, so that it may be vectorized.
#if defined(__GNUC__) && !defined(__clang__)
#define MULTIFUSE_INDEPENDENT _Pragma("GCC ivdep")
#else
#define MULTIFUSE_INDEPENDENT
#endif

namespace multifuse {

/// The vector instructions that the processor's kernels exist for, each including the ones before.
enum class instruction_set { portable, avx2, avx512, avx512_bf16 };

inline constexpr const char* instruction_set_names[] = {"portable", "avx2", "avx512", "avx512_bf16"};

/// The best that this processor has.
inline instruction_set best_instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) return instruction_set::avx512_bf16;
  return avx512 ? instruction_set::avx512 : avx2 ? instruction_set::avx2 : instruction_set::portable;
#else
  return instruction_set::portable;
#endif
}

namespace detail {

/// What the environment asks for, or the best there is. Throws argument_error for a name that is not one, or for
/// instructions that this processor lacks.
inline instruction_set requested_instruction_set() {
  const instruction_set best = best_instruction_set();
  const char* const wish = std::getenv("MULTIFUSE_INSTRUCTIONS");
  if (!wish) return best;
  for (int i = 0; i <= int(best); ++i)
    if (wish == std::string(instruction_set_names[i])) return instruction_set(i);
  throw argument_error("MULTIFUSE_INSTRUCTIONS", "this processor has no such instructions",
                       std::string("portable ... ") + instruction_set_names[int(best)], wish);
}

inline std::atomic<instruction_set>& chosen_instruction_set() {
  static std::atomic<instruction_set> chosen{requested_instruction_set()};
  return chosen;
}

}  // namespace detail

/// The instructions that kernels use: the best of this processor, unless the environment variable
/// MULTIFUSE_INSTRUCTIONS (portable, avx2, avx512, avx512_bf16) or `use_instructions` says otherwise.
inline instruction_set instructions_in_use() {
  return detail::chosen_instruction_set().load(std::memory_order_relaxed);
}

/// Throws argument_error if the processor lacks them.
inline void use_instructions(instruction_set set) {
  if (set > best_instruction_set())
    throw argument_error("use_instructions", "this processor lacks the instructions",
                         instruction_set_names[int(best_instruction_set())], instruction_set_names[int(set)]);
  detail::chosen_instruction_set().store(set, std::memory_order_relaxed);
}

}  // namespace multifuse
