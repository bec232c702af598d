// goldens: lavish_fbank
#include <golden/lavish_fbank.hpp>
#include <multifuse/modalities/log_mel.hpp>
#include <multifuse/modalities/spectrogram.hpp>
#include <multifuse/modalities/waveform.hpp>

#include "filter_bank_support.hpp"

namespace mf = multifuse;
using config = golden::lavish_fbank::config;

namespace {

/// One of ten evenly spaced segments of `audio_length` seconds, the last of which ends a tenth before the waveform does; a
/// waveform that is not longer than a segment and that tenth is taken whole.
std::vector<float> chosen_segment(const std::vector<float>& waveform) {
  const mf::isize length = config::audio_length * config::sample_rate, reach = length + config::sample_rate / 10;
  const auto centered = mf::remove_mean(waveform);
  if (std::ssize(centered) <= reach) return centered;
  const auto part = mf::segment(centered, mf::evenly_spaced(std::ssize(centered) - reach, 10, config::idx), length);
  return {part.begin(), part.end()};
}

/// The picture for one backbone; normalized before it is padded, with twice the deviation, as in the official code.
template <class C> void check_front_end(golden::file& file, std::string_view name, const std::vector<float>& samples) {
  const mf::log_mel front_end({.sample_rate = double(config::sample_rate),
                               .frame_shift_ms = double(C::frame_shift_ms),
                               .bins = C::mel});
  auto bank = front_end(samples);
  bank.normalize(C::mean, 2 * C::std_);
  bank.fit_frames(C::target);
  golden::expect_log_mel(file, name, {bank.values().begin(), bank.values().end()}, C::mel, C::mean, 2 * C::std_);
}

}  // namespace

TEST_CASE("the audio front ends for both backbones") {
  golden::file file(golden::lavish_fbank::path);
  const auto samples = chosen_segment(file.values("input.waveform"));
  check_front_end<config::vit>(file, "output.vit", samples);
  check_front_end<config::swin>(file, "output.swin", samples);
  file.require_all_used();
}
