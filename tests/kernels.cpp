#include <multifuse/backend/cpu/compiled_kernels.hpp>
