// expect: always refused
static_assert(false, "always refused");
