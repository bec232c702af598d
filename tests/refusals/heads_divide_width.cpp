// expect: heads_divide_width[^]*(<10L, 4L>|Width = 10; Heads = 4)
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/layers/transformer_block.hpp>

namespace mf = multifuse;
#ifdef MULTIFUSE_REFUSAL_FIXED
constexpr mf::isize heads = 5;
#else
constexpr mf::isize heads = 4;
#endif

mf::transformer_block<mf::cpu<float>, 10, heads> block;
