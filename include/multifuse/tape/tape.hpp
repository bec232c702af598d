#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/random.hpp"

namespace multifuse {

/// How a recorded pass behaves.
struct tape_options {
  bool training = false;  ///< dropout drops, batch norm uses and updates statistics
  random_key random{};    ///< of this pass; split the run's key by the step number
};

/// Remembers what is done with variables, so that `backward` can undo it in reverse. Reuses its memory from pass to pass.
/// Models and tensors used in a pass must outlive the tape's next `clear`. Not for use from several threads at once.
class tape {
 public:
  explicit tape(tape_options options = {}) : options_(options) {}
  tape(const tape&) = delete;
  tape& operator=(const tape&) = delete;
  ~tape() { clear(); }

  bool training() const { return options_.training; }
  random_key random() const { return options_.random; }

  /// How often `stream` was asked for on this tape so far: makes two uses of one layer differ.
  isize count_use(std::uint64_t stream) {
    for (auto& [known, uses] : uses_)
      if (known == stream) return uses++;
    uses_.emplace_back(stream, 1);
    return 0;
  }

  /// Appends a step of the backward pass: a callable without arguments that must not throw away gradients.
  template <class Step> void record(Step step) {
    auto* node = make<step_node<Step>>(steps_, std::move(step));
    node->run = [](node_base* base) { static_cast<step_node<Step>*>(base)->object(); };
  }

  /// Keeps an object at a fixed address until `clear`.
  template <class T> T* keep(T object) {
    return &make<step_node<T>>(kept_, std::move(object))->object;
  }

  /// Runs the recorded steps in reverse, releasing what each of them held. Passes on what a step throws; then `clear`.
  void run_backward() {
    while (steps_) {
      struct release {
        node_base* node;
        ~release() { node->destroy(node); }
      } const released{pop(steps_)};
      released.node->run(released.node);
    }
  }

  /// Forgets everything, gradients of variables included; the memory stays for the next pass.
  void clear() {
    for (node_base** list : {&steps_, &kept_})
      while (*list) {
        node_base* const last = pop(*list);
        last->destroy(last);
      }
    uses_.clear();
    chunk_ = 0;
    used_ = 0;
  }

  /// Clears the tape and starts a pass with other options.
  void restart(tape_options options) {
    clear();
    options_ = options;
  }

 private:
  struct node_base {
    void (*run)(node_base*) = nullptr;
    void (*destroy)(node_base*) = nullptr;
    node_base* previous = nullptr;
  };
  template <class T> struct step_node : node_base {
    explicit step_node(T value) : object(std::move(value)) {}
    T object;
  };

  /// Takes the last node out of a list.
  static node_base* pop(node_base*& last) { return std::exchange(last, last->previous); }

  /// A new last node of a list, in memory of the tape.
  template <class Node, class T> Node* make(node_base*& last, T value) {
    static_assert(sizeof(Node) <= chunk_bytes && alignof(Node) <= alignof(std::max_align_t));
    used_ = (used_ + alignof(Node) - 1) / alignof(Node) * alignof(Node);
    if (chunk_ < chunks_.size() && used_ + sizeof(Node) > chunk_bytes) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) chunks_.push_back(std::make_unique<std::byte[]>(chunk_bytes));
    auto* const node = new (chunks_[chunk_].get() + used_) Node(std::move(value));
    used_ += sizeof(Node);
    node->destroy = [](node_base* base) { static_cast<Node*>(base)->~Node(); };
    node->previous = std::exchange(last, node);
    return node;
  }

  static constexpr std::size_t chunk_bytes = 1 << 16;
  tape_options options_;
  node_base *steps_ = nullptr, *kept_ = nullptr;  // the last of each
  std::vector<std::pair<std::uint64_t, isize>> uses_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

}  // namespace multifuse
