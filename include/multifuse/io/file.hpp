#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <multifuse/core/error.hpp>

namespace multifuse {
namespace detail {

/// Name from a file, fit for a message: in quotes, control characters shown as '?', long ones cut.
inline std::string in_quotes(std::string_view name) {
  constexpr std::size_t longest = 80;
  std::string text = "'";
  for (const char c : name.substr(0, longest)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text + (name.size() > longest ? "...'" : "'");
}

/// Throws file_error with the text of `errno`, which is read first.
[[noreturn]] inline void throw_errno(const std::filesystem::path& where, std::string_view problem) {
  const int code = errno;
  throw file_error(where.string(), problem, "", std::generic_category().message(code));
}

/// Writes every byte to the descriptor, over as many calls as the system wants; throws file_error when it refuses.
inline void write_all(int descriptor, std::span<const std::byte> bytes, const std::filesystem::path& where) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno(where, "cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

/// Owner of a POSIX file descriptor.
class file_descriptor {
 public:
  explicit file_descriptor(int value) : value_(value) {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() { close(); }

  int get() const { return value_; }

  /// Closes now; false when the system reports a write that failed late.
  bool close() {
    const int value = std::exchange(value_, -1);
    return value < 0 || ::close(value) == 0 || errno == EINTR;
  }

 private:
  int value_;
};

}  // namespace detail

/// A regular file mapped into memory for reading, for as long as the object lives. Pages are read when first touched.
/// Another process that shortens the file in place meanwhile makes later accesses fail (SIGBUS); one that replaces it
/// by renaming, as atomic_file does, is harmless.
class mapped_file {
 public:
  /// Throws file_error when there is no such file, it is not a regular file, or it may not be read.
  explicit mapped_file(std::filesystem::path path) : path_(std::move(path)) {
    // without O_NONBLOCK, opening a pipe would wait for a writer
    const detail::file_descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) detail::throw_errno(path_, "cannot open for reading");
    struct stat status;
    if (::fstat(file.get(), &status) != 0) detail::throw_errno(path_, "cannot read the size");
    if (!S_ISREG(status.st_mode)) throw file_error(path_.string(), "cannot be mapped", "a regular file", "");
    if (status.st_size == 0) return;
    size_ = static_cast<std::size_t>(status.st_size);
    void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) detail::throw_errno(path_, "cannot be mapped");
    data_ = static_cast<const std::byte*>(address);
  }

  mapped_file(mapped_file&& other) noexcept
      : path_(std::move(other.path_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}

  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  ~mapped_file() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  /// The whole file; the address is a multiple of the page size.
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes a new file, or a new version of an old one, so that the path holds at any moment either the old content or
/// all of the new: bytes go to a temporary file in the same directory, `commit` flushes it to the disk and renames it.
/// Without a commit (an exception, a full disk) the temporary file is removed and the old one is untouched. A process
/// that is killed leaves `<name>.<process>-<count>.tmp` behind. An old file keeps its permissions; a symbolic link
/// is followed.
class atomic_file {
 public:
  /// Throws file_error when the directory is missing or not writable, or when the path exists and is not a regular file
  /// that may be written.
  explicit atomic_file(const std::filesystem::path& path) : path_(resolved(path)), file_(create()) {}

  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;

  ~atomic_file() {
    if (!committed_) ::unlink(temporary_.c_str());
  }

  /// Appends bytes; throws file_error when the system refuses (disk full, quota, size limit).
  void write(std::span<const std::byte> bytes) { detail::write_all(file_.get(), bytes, path_); }

  /// Appends text.
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }

  /// Puts the new content in place, on the disk; to be called once, last. Throws file_error when the system refuses;
  /// the old file is then untouched, unless it was the flush of the directory, after the renaming, that failed.
  void commit() {
    if (::fsync(file_.get()) != 0) detail::throw_errno(path_, "cannot flush to the disk");
    if (!file_.close()) detail::throw_errno(path_, "cannot close");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) detail::throw_errno(path_, "cannot be replaced");
    committed_ = true;
    const std::filesystem::path directory = directory_of(path_);
    const detail::file_descriptor handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // some file systems cannot flush a directory and say EINVAL
    if (handle.get() < 0 || (::fsync(handle.get()) != 0 && errno != EINVAL))
      detail::throw_errno(directory, "cannot flush the directory to the disk");
  }

 private:
  static std::filesystem::path directory_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  }

  static std::filesystem::path resolved(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_symlink(path, ignored)) return path;
    const std::filesystem::path target = std::filesystem::weakly_canonical(path, ignored);
    return target.empty() ? path : target;
  }

  int create() {
    struct stat status;
    const bool exists = ::stat(path_.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
      throw file_error(path_.string(), "cannot be replaced", "a regular file or a free name", "");
    if (exists && ::access(path_.c_str(), W_OK) != 0) detail::throw_errno(path_, "cannot open for writing");
    static std::atomic<unsigned> count = 0;
    int file = -1;
    do {
      temporary_ = path_;
      temporary_ += "." + std::to_string(::getpid()) + "-" + std::to_string(count++) + ".tmp";
      file = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file < 0 && errno == EEXIST);
    if (file < 0) detail::throw_errno(path_, "cannot open for writing");
    if (exists && ::fchmod(file, status.st_mode & 0777) != 0) {
      const int code = errno;
      ::close(file);
      ::unlink(temporary_.c_str());
      errno = code;
      detail::throw_errno(path_, "cannot keep the permissions");
    }
    return file;
  }

  std::filesystem::path path_, temporary_;
  detail::file_descriptor file_;
  bool committed_ = false;
};

}  // namespace multifuse
