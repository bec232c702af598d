#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/random.hpp"

namespace multifuse {

/// How a recorded pass behaves.
struct tape_options {
  bool training = false;  ///< dropout drops, batch norm uses and updates statistics
  random_key random{};    ///< of this pass; split the run's key by the step number
};

/// Remembers what is done with variables, so that `backward` can undo it in reverse. Reuses its memory from pass to
/// pass. Models and tensors used in a pass must outlive the tape's next `clear`. Not for use from several threads at
/// once.
class tape {
 public:
  explicit tape(tape_options options = {}) : options_(options) {}
  tape(const tape&) = delete;
  tape& operator=(const tape&) = delete;
  ~tape() { clear(); }

  bool training() const { return options_.training; }
  random_key random() const { return options_.random; }

  /// How often `stream` was asked for on this tape so far: makes two uses of one layer differ. While a part of the pass
  /// is repeated, the answers are those of its first time; throws argument_error if it asks for other streams than
  /// then.
  isize count_use(std::uint64_t stream) {
    if (repeating()) {
      if (repeated_ == uses_.size() || uses_[repeated_].stream != stream)
        throw argument_error("tape", "a repeated part of a pass draws other random numbers than before",
                             "the same layers in the same order", "another one");
      return uses_[repeated_++].before;
    }
    isize before = 0;
    for (std::size_t i = uses_.size(); i-- > 0 && before == 0;)
      if (uses_[i].stream == stream) before = uses_[i].before + 1;
    uses_.push_back({stream, before});
    return before;
  }

  /// Where in the sequence of uses the pass is: what `repeat` goes back to.
  std::size_t place() const { return repeating() ? repeated_ : uses_.size(); }

  /// True while a part of the pass runs a second time: what changes more than its result, such as running statistics,
  /// was changed the first time.
  bool repeating() const { return repeated_ != nowhere; }

  /// Calls `f`, which runs a part of the pass again that began at `place`, and records its steps.
  template <class F> auto repeat(std::size_t place, const F& f) {
    const restored<std::size_t> scope(repeated_, place);
    return f();
  }

  /// Calls `f` and forgets its steps at once, with all that they hold. What it returns has places for gradients as
  /// always.
  template <class F> auto without_steps(const F& f) {
    const restored<bool> scope(forgetting_, true);
    return f();
  }

  /// Appends a step of the backward pass: a callable without arguments that must not throw away gradients. It may
  /// record steps itself, which run next.
  template <class Step> void record(Step step) {
    if (forgetting_) return;
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
  struct use {
    std::uint64_t stream;
    isize before;  ///< how often it was used earlier
  };
  /// A variable that has another value for a while.
  template <class T> struct restored {
    T& variable;
    const T former;
    restored(T& changed, T value) : variable(changed), former(std::exchange(changed, value)) {}
    restored(const restored&) = delete;
    restored& operator=(const restored&) = delete;
    ~restored() { variable = former; }
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
  static constexpr std::size_t nowhere = std::size_t(-1);
  std::vector<use> uses_;            // in the order in which they were asked for
  std::size_t repeated_ = nowhere;   // the next use of a part that runs again
  bool forgetting_ = false;          // steps are not recorded
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

}  // namespace multifuse
