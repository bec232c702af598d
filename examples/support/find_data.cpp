#include "find_data.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <vector>

#include "multifuse/core/error.hpp"
#include "prepare_digits.hpp"
#include "prepare_grid.hpp"

extern char** environ;

namespace examples {
namespace {

namespace fs = std::filesystem;

constexpr const char* originals_text =
    "Made from the downloaded originals: GRID speaker 1, spoken digits (FSDD), handwritten digits, noise (ESC-10). "
    "The split is this program's own.";
constexpr const char* fallback_text =
    "FALLBACK: no data folder and no network. Handwritten digits of the UCI set in scikit-learn and digits spoken by "
    "espeak-ng in 32 voices, with synthetic noise; no lip video and no human voice, so results differ from those on "
    "real data.";

fs::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

bool holds_data(const fs::path& folder) { return fs::exists(folder / "av_digits" / "train_pairs.npy"); }

fs::path default_cache() {
  if (const auto named = environment("MULTIFUSE_CACHE"); !named.empty()) return named;
  if (const auto user = environment("XDG_CACHE_HOME"); !user.empty()) return user / "multifuse";
  if (const auto home = environment("HOME"); !home.empty()) return home / ".cache" / "multifuse";
  return fs::temp_directory_path() / "multifuse";
}

/// Runs the script; false when it fails (it has said why).
bool collect(const char* what, const fs::path& destination) {
  const std::string script = (fs::path(MULTIFUSE_SOURCE_DIR) / "examples/support/fetch_data.sh").string();
  std::vector<std::string> words{"bash", script, what, destination.string()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t process = 0;
  if (::posix_spawnp(&process, "bash", nullptr, nullptr, arguments.data(), environ) != 0) return false;
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Collects material, prepares it and puts the finished folder in its place; false when no material can be had.
bool make(data_kind kind, const fs::path& folder, std::ostream& log) {
  const std::string suffix = "." + std::to_string(::getpid());
  const fs::path material = folder.string() + ".material" + suffix, partial = folder.string() + ".partial" + suffix;
  fs::create_directories(folder.parent_path());
  struct cleaner {
    const fs::path &material, &partial;
    ~cleaner() {
      std::error_code ignored;
      fs::remove_all(material, ignored);
      fs::remove_all(partial, ignored);
    }
  } const cleaner_{material, partial};
  if (!collect(kind == data_kind::originals ? "originals" : "fallback", material)) return false;
  prepare_data(kind, material, partial, log);
  if (holds_data(folder)) return true;  // another process was faster
  fs::rename(partial, folder);
  return true;
}

}  // namespace

void prepare_data(data_kind kind, const fs::path& material, const fs::path& folder, std::ostream& log) {
  using answer = std::optional<bool>;
  digit_material train, val;
  if (fs::exists(material / "mnist"))
    read_mnist(material / "mnist", train, val);
  else
    read_uci_digits(material / "digits.csv", train, val);
  if (kind == data_kind::originals) {
    log << "preparing sentences (a minute)" << std::endl;
    const isize sentences = prepare_av_grid(material / "grid", folder / "av_grid", log);
    log << sentences << " sentences" << std::endl;
    const auto split = [](const std::string&, int index) { return index < 5 ? answer() : answer(index < 10); };
    read_spoken_digits(material / "speech", split, train, val);
    read_noise(material / "noise", train, val);
  } else {
    const auto split = [](const std::string& speaker, int) { return answer(speaker.starts_with("val-")); };
    read_spoken_digits(material / "speech", split, train, val);
    make_noise(train, 120, {1, 1});
    make_noise(val, 40, {1, 2});
  }
  const bool many = train.pictures.size() > 10000;
  write_av_digits(folder / "av_digits", train, val, many ? 12000 : 6000, many ? 1500 : 720, {1, 3});
}

data_location find_data(const find_data_options& options, std::ostream& log) {
  const auto found = [&](data_kind kind, const fs::path& folder, std::string text) {
    log << "data: " << text << " [" << folder.string() << "]" << std::endl;
    return data_location{kind, folder, std::move(text)};
  };
  const auto folder_text = [](const fs::path& folder) -> std::string {
    return data_location{data_kind::folder, folder, ""}.has_grid()
               ? "Data folder with sentences (lip video and speech of GRID speaker 1) and digits (handwritten and "
                 "spoken)."
               : "Data folder with digits (handwritten and spoken) and no sentences.";
  };
  for (const auto& [named, where] :
       {std::pair(options.requested, "--data"), {environment("MULTIFUSE_DATA"), "MULTIFUSE_DATA"}}) {
    if (named.empty()) continue;
    if (!holds_data(named))
      throw multifuse::file_error(named.string(), std::string("no data in the folder of ") + where,
                                  "av_digits/train_pairs.npy in it", fs::exists(named) ? "none" : "no such folder");
    return found(data_kind::folder, named, folder_text(named));
  }
  const fs::path beside = (fs::path(MULTIFUSE_SOURCE_DIR) / "../shared/data").lexically_normal();
  if (holds_data(beside)) return found(data_kind::folder, beside, folder_text(beside));
  log << "data: no folder given (--data, MULTIFUSE_DATA), none at " << beside.string() << std::endl;

  const fs::path cache = options.cache.empty() ? default_cache() : options.cache;
  const fs::path originals = cache / "originals", fallback = cache / "fallback";
  if (holds_data(originals)) return found(data_kind::originals, originals, originals_text);
  if (options.may_make) {
    log << "data: downloading the public originals (about 600 MB, once)" << std::endl;
    if (make(data_kind::originals, originals, log)) return found(data_kind::originals, originals, originals_text);
  }
  if (holds_data(fallback)) return found(data_kind::fallback, fallback, fallback_text);
  if (options.may_make) {
    log << "data: the originals cannot be had; making the fallback" << std::endl;
    if (make(data_kind::fallback, fallback, log)) return found(data_kind::fallback, fallback, fallback_text);
  }
  throw multifuse::file_error(
      "find_data", "no data",
      "a folder (--data, MULTIFUSE_DATA), a network, or the Debian packages python3-sklearn and espeak-ng",
      "none of them");
}

}  // namespace examples
