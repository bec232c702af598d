#pragma once
#include <filesystem>
#include <ostream>
#include <string>

namespace examples {

/// Where the data of the examples come from.
enum class data_kind {
  folder,     ///< one that the user named, or that lies beside the source tree
  originals,  ///< made from downloaded public corpora
  fallback    ///< handwritten digits of scikit-learn and digits spoken by espeak-ng: no face, no real voice
};

/// A folder with `av_digits`, and with `av_grid` unless it is the fallback.
struct data_location {
  data_kind kind;
  std::filesystem::path folder;
  std::string description;  ///< one sentence for the reader of the results

  std::filesystem::path digits() const { return folder / "av_digits"; }
  std::filesystem::path grid() const { return folder / "av_grid"; }
  bool has_grid() const { return std::filesystem::exists(grid() / "train_video.npy"); }
};

/// How far find_data goes.
struct find_data_options {
  std::filesystem::path requested = {};  ///< from the command line; wins over everything
  std::filesystem::path cache =
      {};                ///< for what is made here; default: MULTIFUSE_CACHE, or `multifuse` in the user's cache
  bool may_make = true;  ///< else nothing is downloaded or synthesized, and what is not there is an error
};

/// Finds the data, in this order: the requested folder; the one in the environment variable MULTIFUSE_DATA;
/// `../shared/data` beside the source tree; what an earlier call has made; the public originals, downloaded (the first
/// minutes of a first run); without a network, the fallback. Says in `log` which it is and why the ones before it were
/// not taken. What is made appears in the cache only when it is complete.
/// @throws file_error  when a folder that was asked for holds no data, or nothing can be found or made
data_location find_data(const find_data_options& options, std::ostream& log);

/// Makes the folders of data from what fetch_data.sh has collected in `material` (kind: originals or fallback).
/// @throws file_error  when the material is incomplete or damaged, or writing fails
void prepare_data(data_kind kind, const std::filesystem::path& material, const std::filesystem::path& folder,
                  std::ostream& log);

}  // namespace examples
