#pragma once
#include <multifuse/backend/cpu/instruction_set.hpp>

namespace check {

/// The kernels of one set of instructions, for as long as it lives.
struct with_instructions {
  multifuse::instruction_set before = multifuse::instructions_in_use();
  explicit with_instructions(multifuse::instruction_set set) { multifuse::use_instructions(set); }
  ~with_instructions() { multifuse::use_instructions(before); }
};

/// Calls `work(name)` with each set that the processor has.
void with_all_instructions(auto work) {
  for (int set = 0; set <= int(multifuse::best_instruction_set()); ++set) {
    const with_instructions forced{multifuse::instruction_set(set)};
    work(multifuse::instruction_set_names[set]);
  }
}

}  // namespace check
