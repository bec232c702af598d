#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/types.hpp"

namespace multifuse {

/// What a memory pool has handed out, in bytes, and how often it had to ask the system.
struct memory_statistics {
  isize in_use = 0;
  isize peak = 0;
  isize system_allocations = 0;
};

template <class Memory> class memory_reservation;
template <class Memory> class memory_branches;

/// Recycles blocks of device memory by size class, so that a program that repeats itself stops asking the system.
/// `Memory` is a backend's source of raw memory: `static void* allocate(std::size_t)` (throws device_error) and
/// `static void release(void*)`. Safe to use from several threads.
template <class Memory> class memory_pool {
 public:
  /// A block with its reference count; belongs to the pool.
  struct block {
    std::atomic<isize> references{1};
    void* address = nullptr;
    std::size_t bytes = 0;
    std::size_t size_class = 0;
    bool held = true;  ///< by somebody, until it was given back
    memory_reservation<Memory>* reservation = nullptr;  ///< for whose work it is kept, if for one only
    std::uint64_t branch = 0;         ///< of the work in which it was last taken, if in one
    bool waits = false;               ///< for the end of all branches, before others may take it
    block* waiting_before = nullptr;  ///< the next in the list of those that wait
    std::atomic<std::uint64_t> changes{0};  ///< that were noted; never set back, not even for a new holder
  };

  /// The pool of this kind of memory. Never destroyed, so that tensors with static lifetime stay valid.
  static memory_pool& instance() {
    static memory_pool* const pool = new memory_pool;
    return *pool;
  }

  [[gnu::noinline]] block* take(std::size_t bytes) {
    const std::size_t size_class = class_of(bytes);
    const std::lock_guard lock(mutex_);
    block* taken = branch_ ? stop_waiting(size_class) : nullptr;
    if (!taken && open_) taken = open_->find_free(size_class);
    auto& free = free_[size_class];
    if (taken) {
      taken->references.store(1, std::memory_order_relaxed);
      taken->held = true;
    } else if (!free.empty()) {
      taken = free.back();
      free.pop_back();
      taken->references.store(1, std::memory_order_relaxed);
      taken->held = true;
    } else {
      taken = new block;
      taken->bytes = class_bytes(size_class);
      taken->size_class = size_class;
      try {
        taken->address = allocate_or_make_room(taken->bytes);
        if (free.capacity() <= count_[size_class]) free.reserve(2 * count_[size_class] + 16);  // giving back must not throw
        blocks_.push_back(taken);
      } catch (...) {
        if (taken->address) Memory::release(taken->address);
        delete taken;
        throw;
      }
      ++count_[size_class];
      ++statistics_.system_allocations;
    }
    taken->branch = branch_;
    if (open_ && taken->reservation != open_) open_->keep(taken);
    statistics_.in_use += isize(taken->bytes);
    statistics_.peak = statistics_.in_use > statistics_.peak ? statistics_.in_use : statistics_.peak;
    return taken;
  }

  [[gnu::noinline]] void give_back(block* returned) noexcept {
    const std::lock_guard lock(mutex_);
    statistics_.in_use -= isize(returned->bytes);
    returned->held = false;
    if (branch_) {
      returned->waits = true;
      returned->waiting_before = std::exchange(waiting_, returned);
    } else {
      set_free(returned);
    }
  }

  memory_statistics statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    statistics_.peak = statistics_.in_use;
  }

  /// Returns every block that nobody holds to the system.
  void release_unused() {
    const std::lock_guard lock(mutex_);
    release_free_blocks();
  }

 private:
  friend memory_reservation<Memory>;
  friend memory_branches<Memory>;
  memory_pool() = default;

  /// Lets a block be taken by anybody, or by anybody for whose work it is kept.
  void set_free(block* one) noexcept {
    if (!one->reservation) free_[one->size_class].push_back(one);
  }

  /// A block that the current branch took and gave back, or null.
  block* stop_waiting(std::size_t size_class) {
    for (block** at = &waiting_; *at; at = &(*at)->waiting_before) {
      block* const one = *at;
      if (one->branch != branch_ || one->size_class != size_class) continue;
      *at = one->waiting_before;
      one->waits = false;
      return one;
    }
    return nullptr;
  }

  /// Blocks of other sizes that nobody holds must not be the reason why there is no memory.
  void* allocate_or_make_room(std::size_t bytes) {
    try {
      return Memory::allocate(bytes);
    } catch (const device_error&) {
      if (!release_free_blocks()) throw;
    }
    return Memory::allocate(bytes);
  }

  /// Tells whether there were any.
  bool release_free_blocks() noexcept {
    const auto released = std::erase_if(blocks_, [&](block* candidate) {
      if (candidate->held || candidate->reservation || candidate->waits) return false;
      Memory::release(candidate->address);
      --count_[candidate->size_class];
      delete candidate;
      return true;
    });
    for (auto& free : free_) free.clear();
    return released > 0;
  }

  // Eight classes for each power of two from 64 bytes on: at most an eighth is wasted, and nothing by the square matrices of
  // usual widths.
  static constexpr std::size_t smallest = 64, steps = 8;
  static std::size_t class_of(std::size_t bytes) {
    if (bytes <= smallest) return 0;
    const std::size_t power = std::size_t(std::bit_width(bytes - 1)) - 1;  // 2^power < bytes <= 2^(power + 1)
    const std::size_t step = (std::size_t(1) << power) / steps;
    const std::size_t above = (bytes - (std::size_t(1) << power) + step - 1) / step;  // 1 ... steps
    return (power - 6) * steps + above;
  }
  static std::size_t class_bytes(std::size_t size_class) {
    if (size_class == 0) return smallest;
    const std::size_t power = 6 + (size_class - 1) / steps;
    return (std::size_t(1) << power) + ((size_class - 1) % steps + 1) * ((std::size_t(1) << power) / steps);
  }
  static constexpr std::size_t classes = steps * 58 + 1;  // up to 2^64 bytes

  mutable std::mutex mutex_;
  std::array<std::vector<block*>, classes> free_;
  std::array<std::size_t, classes> count_{};  // of all blocks of a size class
  std::vector<block*> blocks_;
  memory_reservation<Memory>* open_ = nullptr;  // for which every block is kept that is taken now
  std::uint64_t branch_ = 0, last_branch_ = 0;  // in which work is done now, 0 if not in one; numbers are not used again
  block* waiting_ = nullptr;                    // the last one given back in a branch
  memory_statistics statistics_;
};

/// Memory for work that is repeated at the same addresses, such as a recorded pass: blocks that are taken while it is
/// open are handed out to nobody else while it lives, even if they were given back. One is open at a time, for all
/// threads.
template <class Memory> class memory_reservation {
  using pool = memory_pool<Memory>;
  using block = typename pool::block;

 public:
  memory_reservation() = default;
  memory_reservation(const memory_reservation&) = delete;
  memory_reservation& operator=(const memory_reservation&) = delete;
  ~memory_reservation() { release(); }

  /// Open while it lives. Throws argument_error if one is open already.
  class opened {
   public:
    explicit opened(memory_reservation& reservation) {
      const std::lock_guard lock(pool::instance().mutex_);
      if (pool::instance().open_)
        throw argument_error("memory_reservation", "another one is open", "one pass recorded at a time", "two");
      pool::instance().open_ = &reservation;
    }
    opened(const opened&) = delete;
    opened& operator=(const opened&) = delete;
    ~opened() {
      const std::lock_guard lock(pool::instance().mutex_);
      pool::instance().open_ = nullptr;
    }
  };

  /// Lets all of it be used by others, what is still held as soon as it is given back.
  void release() noexcept {
    pool& from = pool::instance();
    const std::lock_guard lock(from.mutex_);
    for (block* one : kept_) {
      one->reservation = nullptr;
      if (!one->held && !one->waits) from.set_free(one);
    }
    kept_.clear();
  }

  /// All blocks that are kept, in bytes.
  isize bytes() const {
    const std::lock_guard lock(pool::instance().mutex_);
    isize total = 0;
    for (const block* one : kept_) total += isize(one->bytes);
    return total;
  }

 private:
  friend pool;
  block* find_free(std::size_t size_class) const {
    for (block* one : kept_)
      if (!one->held && !one->waits && one->size_class == size_class) return one;
    return nullptr;
  }
  void keep(block* taken) {
    kept_.push_back(taken);
    taken->reservation = this;
  }

  std::vector<block*> kept_;
};

/// Shared ownership of a block of the pool.
template <class Memory> class storage {
 public:
  constexpr storage() = default;
  [[gnu::noinline]] explicit storage(std::size_t bytes) : block_(memory_pool<Memory>::instance().take(bytes)) {}
  storage(const storage& other) : block_(other.block_) {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  storage(storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  storage& operator=(storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  constexpr ~storage() {
    if (block_) let_go(block_);
  }

  void* address() const { return block_ ? block_->address : nullptr; }

  /// Tells those who keep something made from these elements that they changed; see `parameter::pack`.
  void note_change() const {
    if (block_) block_->changes.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t changes() const { return block_ ? block_->changes.load(std::memory_order_relaxed) : 0; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  using block = typename memory_pool<Memory>::block;

  // Not inlined: handles end in many places, each of which would hold this code.
  [[gnu::noinline]] static void let_go(block* held) noexcept {
    if (held->references.fetch_sub(1, std::memory_order_acq_rel) == 1) memory_pool<Memory>::instance().give_back(held);
  }

  block* block_ = nullptr;
};

}  // namespace multifuse
