// Compiled once for each strategy, so that compilers run side by side and none needs much memory.
#include "run_experiment.hpp"

template demo::experiment demo::experiment_with<demo::MULTIFUSE_DEMO_STRATEGY>();
