#pragma once
#include <string>
#include <string_view>

#include <multifuse/io/name_table.hpp>

// Rows of name tables for the layers of this library, as other frameworks name and lay them out. `ours` and `official`
// are the names of the layer below the scope; either may be empty.
namespace multifuse {

/// PyTorch and timm: weights are [out, in] as ours.
namespace pytorch {

/// linear: weight, bias.
inline void linear(const name_table::scope& table, const std::string& ours, const std::string& official,
                   bool bias = true) {
  table.map(ours + ".weight", official + ".weight");
  if (bias) table.map(ours + ".bias", official + ".bias");
}

/// layer_norm: our scale is the weight.
inline void norm(const name_table::scope& table, const std::string& ours, const std::string& official) {
  table.map(ours + ".scale", official + ".weight");
  table.map(ours + ".bias", official + ".bias");
}

/// batch_norm: our scale is the weight; running_mean, running_var.
inline void batch_norm(const name_table::scope& table, const std::string& ours, const std::string& official) {
  norm(table, ours, official);
  table.map(ours + ".running_mean", official + ".running_mean");
  table.map(ours + ".running_variance", official + ".running_var");
}

/// multi_head_attention from packed rows q | k | v, under their full names; no name, no bias. And the output
/// projection.
inline void packed_attention(const name_table::scope& table, const std::string& ours, const std::string& weight,
                             const std::string& bias, const std::string& output, isize width) {
  isize first = 0;
  for (const char* const which : {".query", ".key", ".value"}) {
    table.map(ours + which + ".weight", weight, official::rows(first, 3 * width));
    if (!bias.empty()) table.map(ours + which + ".bias", bias, official::rows(first, 3 * width));
    first += width;
  }
  linear(table, ours + ".output", output);
}

/// multi_head_attention as timm has it: packed `qkv`, `proj`.
inline void attention(const name_table::scope& table, const std::string& ours, const std::string& official, isize width,
                      bool projection_bias = true) {
  packed_attention(table, ours, official + ".qkv.weight", projection_bias ? official + ".qkv.bias" : "",
                   official + ".proj", width);
}

/// multi_head_attention as torch.nn.MultiheadAttention: packed `in_proj_weight` and `in_proj_bias`, `out_proj`.
inline void multi_head_attention(const name_table::scope& table, const std::string& ours, const std::string& official,
                                 isize width) {
  packed_attention(table, ours, official + ".in_proj_weight", official + ".in_proj_bias", official + ".out_proj",
                   width);
}

/// The blocks `ours`0 ... as timm's vision transformers name theirs: norm1, attn, norm2, mlp.fc1, mlp.fc2.
inline void vision_blocks(const name_table::scope& table, const std::string& ours, const std::string& official,
                          isize depth, isize width, bool projection_bias = true) {
  for (isize layer = 0; layer < depth; ++layer) {
    const std::string number = std::to_string(layer) + ".";
    const auto block = table.within(ours + number, official + number);
    norm(block, "attention_norm", "norm1");
    attention(block, "attention", "attn", width, projection_bias);
    norm(block, "mlp_norm", "norm2");
    linear(block, "mlp.expand", "mlp.fc1");
    linear(block, "mlp.contract", "mlp.fc2");
  }
}

}  // namespace pytorch

/// Flax: kernels are (in, out), attention keeps the heads as an axis.
namespace flax {

/// linear: kernel (in, out), bias.
inline void dense(const name_table::scope& table, const std::string& ours, const std::string& official) {
  table.map(ours + ".weight", official + "/kernel", official::transposed());
  table.map(ours + ".bias", official + "/bias");
}

/// layer_norm: scale, bias.
inline void norm(const name_table::scope& table, const std::string& ours, const std::string& official) {
  table.map(ours + ".scale", official + "/scale");
  table.map(ours + ".bias", official + "/bias");
}

/// multi_head_attention as MultiHeadDotProductAttention: query, key, value (width, heads, width / heads), out
/// (heads, width / heads, width).
inline void attention(const name_table::scope& table, const std::string& ours, const std::string& official, isize width,
                      isize heads) {
  const isize each = width / heads;
  for (const std::string which : {"query", "key", "value"}) {
    table.map(ours + "." + which + ".weight", official + "/" + which + "/kernel",
              official::permuted({width, heads, each}, {1, 2, 0}));
    table.map(ours + "." + which + ".bias", official + "/" + which + "/bias", official::shaped({heads, each}));
  }
  table.map(ours + ".output.weight", official + "/out/kernel", official::permuted({heads, each, width}, {2, 0, 1}));
  table.map(ours + ".output.bias", official + "/out/bias");
}

}  // namespace flax

}  // namespace multifuse
