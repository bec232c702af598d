// expect: axis tokens: expected 4, got 5
static_assert(false, "another text");
