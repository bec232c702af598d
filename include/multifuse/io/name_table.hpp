#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <multifuse/io/model_tensor.hpp>

namespace multifuse {

/// How a tensor of ours lies in an official file. Ours is `official.transpose(order)` as NumPy writes it, row by row:
/// axis k of ours, seen with its axes separated, is axis order[k] of the official tensor.
///   official::transposed()                              dense kernel (in, out) for our weight [out, in]
///   official::permuted({256, 4, 64}, {1, 2, 0})         kernel (in, heads, head width) for our weight [out, in]
///   official::permuted({16, 16, 3, 768}, {3, 0, 1, 2})  kernel (rows, columns, in, out) for our [out, all the rest]
///   official::permuted({768, 3, 16, 16}, {0, 2, 3, 1})  kernel (out, in, rows, columns) for our [out, all the rest]
///   official::shaped({1, 196, 768})                     other axes, same order of elements
///   official::rows(768, 2304)                           our rows are rows 768 ... of a packed tensor of 2304 rows
struct official_layout {
  std::vector<isize> shape = {};        ///< of our part of the official tensor; empty: from our shape and `order`
  std::vector<std::size_t> order = {};  ///< empty: the same order
  std::size_t axis = 0;                 ///< of the official tensor, along which it is packed
  isize first = 0;                      ///< where our part begins on that axis
  isize total = 0;                      ///< extent of the official tensor on that axis; 0: it is not packed

  /// The same layout for a part of a packed tensor: places `first` ... along `axis`, whose full extent is `total`.
  official_layout part(std::size_t axis_of_parts, isize first_place, isize full_extent) const {
    return {shape, order, axis_of_parts, first_place, full_extent};
  }
};

namespace official {
inline official_layout transposed() { return {{}, {1, 0}}; }
inline official_layout shaped(std::vector<isize> shape) { return {std::move(shape)}; }
inline official_layout permuted(std::vector<isize> shape, std::vector<std::size_t> order) {
  return {std::move(shape), std::move(order)};
}
inline official_layout rows(isize first, isize total) { return official_layout{}.part(0, first, total); }
}  // namespace official

/// Says which tensor of an official file each parameter and buffer of a model is. The order of calls does not matter.
///
///     name_table table;
///     table.map("head.weight", "output_projection/kernel", official::transposed());
///     for (const std::string l : {"0", "1"}) {
///       const auto block = table.within("blocks." + l + ".", "Transformer/encoderblock_" + l + "/");
///       block.map("mlp_norm.scale", "LayerNorm_1/scale");
///     }
class name_table {
 public:
  struct entry {
    std::string ours, official;
    official_layout layout;
  };

  /// Part of the table whose names begin alike.
  class scope {
   public:
    scope(name_table& table, std::string ours, std::string official)
        : table_(&table), ours_(std::move(ours)), official_(std::move(official)) {}
    void map(std::string_view ours, std::string_view official, official_layout layout = {}) const {
      table_->map(ours_ + std::string(ours), official_ + std::string(official), std::move(layout));
    }
    scope within(std::string_view ours, std::string_view official) const {
      return {*table_, ours_ + std::string(ours), official_ + std::string(official)};
    }
    void unused(std::string_view pattern) const { table_->unused(official_ + std::string(pattern)); }
    void keep(std::string_view pattern) const { table_->keep(ours_ + std::string(pattern)); }

   private:
    name_table* table_;
    std::string ours_, official_;
  };

  /// Our tensor of this dotted name is this official tensor, or a part of it.
  void map(std::string ours, std::string official, official_layout layout = {}) {
    entries_.push_back({std::move(ours), std::move(official), std::move(layout)});
  }

  /// Both names of what is mapped through the result begin with these, e.g. "blocks.0." and "encoderblock_0/".
  scope within(std::string ours, std::string official) { return {*this, std::move(ours), std::move(official)}; }

  /// Official tensors that the model does not use: names that no entry maps and that match `pattern`, as in
  /// `name_matches`, may be in a file.
  void unused(std::string pattern) { unused_.push_back(std::move(pattern)); }

  /// Our tensors that no official file has, by pattern: loading leaves them as they are.
  void keep(std::string pattern) { kept_.push_back(std::move(pattern)); }

  /// Official names may come with this in front, as in "module." of PyTorch's DataParallel.
  void optional_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  const std::vector<entry>& entries() const { return entries_; }
  const std::string& optional_prefix() const { return prefix_; }
  bool is_unused(std::string_view official) const { return matches_any(unused_, official); }
  bool is_kept(std::string_view ours) const { return matches_any(kept_, ours); }

 private:
  static bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& one) { return name_matches(name, one); });
  }

  std::vector<entry> entries_;
  std::vector<std::string> unused_, kept_;
  std::string prefix_;
};

namespace detail {

/// One of our tensors as a part of an official one.
struct official_part {
  model_tensor ours;
  official_layout layout;  // with shape and order filled in

  isize extent(const std::vector<isize>& official_shape) const {
    return layout.total > 0 ? layout.shape[layout.axis] : official_shape.empty() ? 1 : official_shape[layout.axis];
  }

  /// Calls f(place in the official tensor, place in ours) for every element of ours.
  template <class F> void for_each_place(const std::vector<isize>& official_shape, F&& f) const {
    const std::size_t rank = layout.shape.size();
    std::vector<isize> in_ours(rank), in_official(rank), at(rank, 0);
    isize stride = 1;
    for (std::size_t k = rank; k-- > 0; stride *= layout.shape[layout.order[k]]) in_ours[layout.order[k]] = stride;
    stride = 1;
    for (std::size_t a = rank; a-- > 0; stride *= official_shape[a]) in_official[a] = stride;
    isize theirs = rank > 0 ? layout.first * in_official[layout.axis] : 0, own = 0;
    for (isize left = ours.count; left > 0; --left) {
      f(static_cast<std::size_t>(theirs), static_cast<std::size_t>(own));
      for (std::size_t a = rank; a-- > 0;) {
        theirs += in_official[a];
        own += in_ours[a];
        if (++at[a] < layout.shape[a]) break;
        theirs -= in_official[a] * at[a];
        own -= in_ours[a] * at[a];
        at[a] = 0;
      }
    }
  }
};

/// An official tensor with the parts it consists of.
struct official_tensor {
  std::string name;
  std::vector<isize> shape;
  std::vector<official_part> parts;

  std::size_t count() const {
    isize n = 1;
    for (const isize extent : shape) n *= extent;
    return static_cast<std::size_t>(n);
  }
};

/// Fills in what the layout leaves to our shape, and checks that it fits; gives the official shape.
inline std::vector<isize> complete(official_layout& layout, const model_tensor& ours) {
  const auto refuse = [&](std::string_view problem, const std::vector<isize>& expected) {
    throw argument_error("name_table, '" + ours.name + "'", problem, shape_text(expected), shape_text(layout.shape));
  };
  if (layout.order.empty())
    for (std::size_t k = 0; k < (layout.shape.empty() ? ours.shape : layout.shape).size(); ++k)
      layout.order.push_back(k);
  auto sorted = layout.order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = 0; k < sorted.size(); ++k)
    if (sorted[k] != k) refuse("the order of axes is not a permutation", ours.shape);
  if (layout.shape.empty()) {
    if (layout.order.size() != ours.shape.size()) refuse("the order of axes does not fit the shape", ours.shape);
    layout.shape.resize(ours.shape.size());
    for (std::size_t k = 0; k < ours.shape.size(); ++k) layout.shape[layout.order[k]] = ours.shape[k];
  }
  isize count = 1;
  for (const isize extent : layout.shape) count *= extent;
  if (count != ours.count || layout.order.size() != layout.shape.size())
    refuse("the official shape does not fit", ours.shape);
  auto shape = layout.shape;
  if (layout.total > 0) {
    if (layout.axis >= shape.size() || layout.first < 0 || layout.first > layout.total - shape[layout.axis])
      refuse("the part lies outside of the packed tensor of " + std::to_string(layout.total), ours.shape);
    shape[layout.axis] = layout.total;
  }
  return shape;
}

/// Joins a table with a model. Throws argument_error for an entry without a tensor, a tensor without an entry, a layout
/// that does not fit, or parts of a packed tensor that overlap or leave gaps.
template <class M> std::vector<official_tensor> resolve(const M& model, const name_table& table) {
  std::map<std::string, model_tensor, std::less<>> left;
  for (auto& one : tensors_of(model)) left.emplace(one.name, one);
  std::vector<official_tensor> result;
  std::map<std::string, std::size_t> places;
  std::vector<std::string> strangers, forgotten;
  for (const auto& [name, official, given] : table.entries()) {
    const auto found = left.find(name);
    if (found == left.end()) {
      strangers.push_back(name);
      continue;
    }
    official_layout layout = given;
    const auto shape = complete(layout, found->second);
    const auto [place, added] = places.emplace(official, result.size());
    if (added) result.push_back({official, shape, {}});
    official_tensor& whole = result[place->second];
    if (whole.shape != shape || (!added && (layout.total == 0 || layout.axis != whole.parts[0].layout.axis)))
      throw argument_error("name_table, '" + official + "'", "parts disagree on the shape of the whole",
                           shape_text(whole.shape), shape_text(shape) + " by '" + name + "'");
    whole.parts.push_back({found->second, layout});
    left.erase(found);
  }
  if (!strangers.empty())
    throw argument_error("name_table", "names that the model does not have, or twice", "", names_text(strangers));
  for (const auto& [name, ours] : left)
    if (!table.is_kept(name)) forgotten.push_back(name);
  if (!forgotten.empty())
    throw argument_error("name_table", "tensors of the model without an official name", "", names_text(forgotten));
  for (auto& whole : result) {
    std::sort(whole.parts.begin(), whole.parts.end(),
              [](const auto& a, const auto& b) { return a.layout.first < b.layout.first; });
    isize next = 0;
    for (const auto& part : whole.parts) {
      if (part.layout.first != next)
        throw argument_error("name_table, '" + whole.name + "'", "parts overlap or leave a gap",
                             "the next part at " + std::to_string(next),
                             "'" + part.ours.name + "' at " + std::to_string(part.layout.first));
      next += part.extent(whole.shape);
    }
    if (const isize all = whole.parts[0].layout.total; all > 0 && next != all)
      throw argument_error("name_table, '" + whole.name + "'", "parts leave a gap", std::to_string(all),
                           std::to_string(next));
  }
  return result;
}

/// The elements of an official tensor, put together from values or gradients.
template <class T> std::vector<T> assembled(const official_tensor& whole, bool gradients) {
  std::vector<T> elements(whole.count());
  for (const auto& part : whole.parts) {
    const auto bytes = gradients ? part.ours.gradient() : part.ours.value();
    with_storage_type(part.ours.type, [&]<class S>(S) {
      const S* const from = reinterpret_cast<const S*>(bytes.data());
      part.for_each_place(whole.shape, [&](std::size_t theirs, std::size_t own) {
        elements[theirs] = static_cast<T>(to_number(from[own]));
      });
    });
  }
  return elements;
}

}  // namespace detail

/// Which numbers `for_each_official` shows.
enum class official_content { value, gradient };

/// Calls `f(name, shape, elements)` for every official tensor, with a std::vector<isize> and a std::vector<float>: the
/// model as the official code would see it. Gradients are zeros where none arrived; tensors of which nothing is trained
/// are left out. Throws argument_error when the table does not fit the model, or the model has no values.
template <class M, class F>
void for_each_official(const M& model, const name_table& table, official_content content, F&& f) {
  for (const auto& whole : detail::resolve(model, table)) {
    const bool gradients = content == official_content::gradient;
    if (gradients &&
        std::none_of(whole.parts.begin(), whole.parts.end(), [](auto& part) { return part.ours.trained(); }))
      continue;
    const auto elements = detail::assembled<float>(whole, gradients);
    f(whole.name, whole.shape, elements);
  }
}

}  // namespace multifuse
