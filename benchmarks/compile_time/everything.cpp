// The whole library included, nothing used.
#include <multifuse/multifuse.hpp>

int main() {}
