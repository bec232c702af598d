#include <multifuse/io/file.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <string>
#include <utility>

#include "file_size_limit.hpp"
#include "scratch_directory.hpp"

namespace test_io_file {

namespace mf = multifuse;

namespace {

std::string_view text_of(const mf::mapped_file& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

TEST_CASE("mapped_file gives the bytes of a file") {
  const scratch_directory scratch;
  write_text(scratch / "a", "some text");
  write_text(scratch / "empty", "");
  mf::mapped_file file(scratch / "a");
  CHECK(text_of(file) == "some text");
  CHECK(file.path() == scratch / "a");
  CHECK(mf::mapped_file(scratch / "empty").bytes().empty());

  SUBCASE("moved, the mapping goes along") {
    const auto* const address = file.bytes().data();
    mf::mapped_file other(std::move(file));
    CHECK(other.bytes().data() == address);
    CHECK(file.bytes().empty());
    mf::mapped_file third(scratch / "empty");
    third = std::move(other);
    CHECK(text_of(third) == "some text");
  }
  SUBCASE("it outlives the name and keeps the old content when the file is replaced") {
    mf::atomic_file next(scratch / "a");
    next.write("new");
    next.commit();
    CHECK(text_of(file) == "some text");
    CHECK(read_text(scratch / "a") == "new");
  }
}

TEST_CASE("mapped_file refuses what is not a readable regular file") {
  const scratch_directory scratch;
  const auto refusal = [&](const std::filesystem::path& path) {
    return message_of<mf::file_error>([&] { mf::mapped_file file(path); });
  };
  const std::string missing = refusal(scratch / "missing");
  CHECK(mentions(missing, (scratch / "missing").string()));
  CHECK(mentions(missing, "No such file"));
  CHECK(mentions(refusal(scratch.path()), "expected a regular file"));
  CHECK(mentions(refusal("/dev/null"), "expected a regular file"));
  REQUIRE(::mkfifo((scratch / "pipe").c_str(), 0600) == 0);
  CHECK(mentions(refusal(scratch / "pipe"), "expected a regular file"));
  CHECK(mentions(refusal(""), "No such file"));
}

TEST_CASE("atomic_file puts a file in place only when committed") {
  const scratch_directory scratch;
  const auto target = scratch / "model.bin";
  const auto write = [&](std::string_view text, bool commit) {
    mf::atomic_file file(target);
    file.write(text.substr(0, 2));
    file.write(std::as_bytes(std::span(text.substr(2))));
    if (commit) file.commit();
  };
  write("first", false);
  CHECK(scratch.count() == 0);
  write("first", true);
  CHECK(read_text(target) == "first");
  write("second", false);
  CHECK(read_text(target) == "first");
  write("second", true);
  CHECK(read_text(target) == "second");
  CHECK(scratch.count() == 1);
}

TEST_CASE("atomic_file keeps permissions and follows symbolic links") {
  namespace fs = std::filesystem;
  const scratch_directory scratch;
  write_text(scratch / "private", "old");
  fs::permissions(scratch / "private", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("private", scratch / "link");
  mf::atomic_file file(scratch / "link");
  file.write("new");
  file.commit();
  CHECK(fs::is_symlink(scratch / "link"));
  CHECK(read_text(scratch / "private") == "new");
  CHECK(fs::status(scratch / "private").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a killed writer leaves the old file as it was, and the next writer works") {
  const scratch_directory scratch;
  write_text(scratch / "a", "old");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    mf::atomic_file file(scratch / "a");
    file.write("half of the ne");
    ::_exit(0);  // no destructor runs, as when killed
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(read_text(scratch / "a") == "old");
  CHECK(scratch.count() == 2);
  mf::atomic_file file(scratch / "a");
  file.write("new");
  file.commit();
  CHECK(read_text(scratch / "a") == "new");
}

TEST_CASE("two writers of one file do not mix; the last to commit wins") {
  const scratch_directory scratch;
  mf::atomic_file one(scratch / "a"), two(scratch / "a");
  one.write("one");
  two.write("two");
  two.commit();
  one.commit();
  CHECK(read_text(scratch / "a") == "one");
  CHECK(scratch.count() == 1);
}

TEST_CASE("atomic_file refuses paths that cannot be written") {
  const scratch_directory scratch;
  const auto refusal = [&](const std::filesystem::path& path) {
    return message_of<mf::file_error>([&] { mf::atomic_file file(path); });
  };
  CHECK(mentions(refusal(scratch / "no/such/directory"), "No such file"));
  CHECK(mentions(refusal(scratch.path()), "a regular file or a free name"));
  CHECK(mentions(refusal("/dev/full"), "a regular file or a free name"));
  CHECK(mentions(refusal("/proc/no-such-entry"), "cannot open for writing"));
  CHECK(mentions(refusal(scratch / std::string(300, 'x')), "File name too long"));
  write_text(scratch / "file", "");
  CHECK(mentions(refusal(scratch / "file/below"), "Not a directory"));
  CHECK(scratch.count() == 1);
}

TEST_CASE("a full disk is an error, and the old file is untouched") {
  const scratch_directory scratch;
  write_text(scratch / "a", "old");
  const std::string much(100'000, 'x');
  const std::string problem = message_of<mf::file_error>([&] {
    mf::atomic_file file(scratch / "a");
    const file_size_limit limit(4096);
    file.write(much);
    file.commit();
  });
  CHECK(mentions(problem, "cannot write"));
  CHECK(mentions(problem, "File too large"));
  CHECK(read_text(scratch / "a") == "old");
  CHECK(scratch.count() == 1);

  const mf::detail::file_descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full.get() >= 0);
  const std::string device = message_of<mf::file_error>(
      [&] { mf::detail::write_all(full.get(), std::as_bytes(std::span(much)), "/dev/full"); });
  CHECK(mentions(device, "No space left on device"));
}

TEST_CASE("names in messages are short and printable") {
  CHECK(mf::detail::in_quotes("head.weight") == "'head.weight'");
  CHECK(mf::detail::in_quotes("a\nb\x1b[31m") == "'a?b?[31m'");
  CHECK(mf::detail::in_quotes(std::string(1000, 'x')).size() == 85);
}

}  // namespace test_io_file
