// All kernels of one set of vector instructions; ends the definitions that name it.
#include "for_each.inl"
#include "matrix_tile.inl"
#include "attention_rows.inl"
#undef MULTIFUSE_SET
#undef MULTIFUSE_VECTOR_BYTES
#undef MULTIFUSE_TILE_ROWS
