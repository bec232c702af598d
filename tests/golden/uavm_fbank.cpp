// goldens: uavm_fbank
#include <golden/uavm_fbank.hpp>
#include <multifuse/modalities/log_mel.hpp>
#include <multifuse/modalities/spectrogram.hpp>
#include <multifuse/modalities/waveform.hpp>

#include "filter_bank_support.hpp"

namespace mf = multifuse;
using config = golden::uavm_fbank::config;

TEST_CASE("the audio front end") {
  static_assert(config::window == "hanning");
  golden::file file(golden::uavm_fbank::path);
  const mf::log_mel front_end({.sample_rate = double(config::sample_rate),
                               .frame_length_ms = double(config::frame_length_ms),
                               .frame_shift_ms = double(config::frame_shift_ms),
                               .bins = config::num_mel_bins});
  auto bank = front_end(mf::remove_mean(file.values("input.waveform")));
  bank.fit_frames(config::target_length);  // padded with zeros before it is normalized
  const auto values = [&] { return std::vector<float>(bank.values().begin(), bank.values().end()); };
  golden::expect_log_mel(file, "output.fbank", values(), config::num_mel_bins, 0, 1);
  bank.normalize(float(config::mean), float(config::std_));
  golden::expect_log_mel(file, "output.normalised", values(), config::num_mel_bins, config::mean, config::std_);
  file.require_all_used();
}
