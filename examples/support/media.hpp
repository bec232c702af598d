#pragma once
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/imgutils.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "multifuse/core/error.hpp"
#include "multifuse/core/types.hpp"

namespace examples {

using multifuse::isize;

/// How a clip is decoded; zeros stand for what the file has.
struct decode_options {
  isize rows = 0, columns = 0;                ///< size of the frames in pixels
  double frames_per_second = 0;               ///< frames are repeated or left out to reach it
  bool color = false;                         ///< red, green, blue, else gray; black is 0 and white 255 in both
  int sample_rate = 16000;                    ///< of the mono sound
  double longest = 600;                       ///< seconds after which decoding stops
  std::size_t memory = std::size_t{2} << 30;  ///< bytes of frames beyond which the clip is refused
};

/// A decoded clip. Picture and sound begin at the same moment.
struct clip {
  isize frames = 0, rows = 0, columns = 0, channels = 0;
  double frames_per_second = 0;
  std::vector<std::uint8_t> pixels = {};  ///< [frames, rows, columns, channels]
  double sample_rate = 0;
  std::vector<float> audio = {};  ///< [samples], mono, -1 ... 1; empty when the file has no sound
};

namespace detail {

inline std::string ffmpeg_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

/// Owners of FFmpeg's objects.
template <auto Free> struct free_by_address {
  template <class T> void operator()(T* object) const { Free(&object); }
};
struct free_scaler {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
using format_handle = std::unique_ptr<AVFormatContext, free_by_address<avformat_close_input>>;
using codec_handle = std::unique_ptr<AVCodecContext, free_by_address<avcodec_free_context>>;
using frame_handle = std::unique_ptr<AVFrame, free_by_address<av_frame_free>>;
using packet_handle = std::unique_ptr<AVPacket, free_by_address<av_packet_free>>;
using resampler_handle = std::unique_ptr<SwrContext, free_by_address<swr_free>>;
using scaler_handle = std::unique_ptr<SwsContext, free_scaler>;

/// One pass over a file that fills a clip.
class clip_decoder {
 public:
  clip_decoder(const std::filesystem::path& path, const decode_options& options)
      : where_(path.string()), options_(options) {
    if (options.rows < 0 || options.columns < 0 || options.rows > 16384 || options.columns > 16384 ||
        !(options.frames_per_second >= 0) || options.frames_per_second > 1000 || options.sample_rate < 1000 ||
        options.sample_rate > 384000)
      throw multifuse::argument_error("decode_clip", "unusable options",
                                      "0 ... 16384 pixels, 0 ... 1000 frames a second, 1000 ... 384000 Hz", "");
    av_log_set_level(AV_LOG_QUIET);  // what goes wrong is thrown, not printed
    AVFormatContext* format = nullptr;
    check(avformat_open_input(&format, where_.c_str(), nullptr, nullptr), "cannot be opened as a clip");
    format_.reset(format);
    check(avformat_find_stream_info(format, nullptr), "holds no readable stream");
    open(AVMEDIA_TYPE_VIDEO, video_stream_, video_);
    open(AVMEDIA_TYPE_AUDIO, audio_stream_, audio_);
    if (!video_ && !audio_) throw multifuse::file_error(where_, "holds neither pictures nor sound", "", "");
    origin_ = format->start_time == AV_NOPTS_VALUE ? 0 : double(format->start_time) / AV_TIME_BASE;
  }

  clip decode() {
    const packet_handle packet(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    if (!packet || !frame_) throw std::bad_alloc();
    for (bool ended = false; !ended;) {
      const int code = av_read_frame(format_.get(), packet.get());
      ended = code == AVERROR_EOF;
      if (!ended) check(code, "damaged");
      for (auto* codec : {&video_, &audio_}) {
        const int stream = codec == &video_ ? video_stream_ : audio_stream_;
        if (!*codec || (!ended && packet->stream_index != stream)) continue;
        drain(**codec, ended ? nullptr : packet.get());
      }
      av_packet_unref(packet.get());
      const bool video_done = !video_ || next_frame_time() >= options_.longest;
      const bool audio_done = !audio_ || double(clip_.audio.size()) >= options_.longest * options_.sample_rate;
      ended = ended || (video_done && audio_done);
    }
    if (video_) finish_video();
    if (audio_) finish_audio();
    return std::move(clip_);
  }

 private:
  void check(int code, std::string_view problem) const {
    if (code < 0) throw multifuse::file_error(where_, problem, "", ffmpeg_text(code));
  }

  void open(AVMediaType type, int& stream, codec_handle& codec) {
    const AVCodec* decoder = nullptr;
    stream = av_find_best_stream(format_.get(), type, -1, -1, &decoder, 0);
    if (stream == AVERROR_STREAM_NOT_FOUND) return;
    check(stream, "holds a stream that no decoder knows");
    codec.reset(avcodec_alloc_context3(decoder));
    if (!codec) throw std::bad_alloc();
    check(avcodec_parameters_to_context(codec.get(), format_->streams[stream]->codecpar), "unusable stream parameters");
    codec->err_recognition = AV_EF_EXPLODE;  // a damaged picture is an error, not a guess
    codec->thread_count = 1;
    check(avcodec_open2(codec.get(), decoder, nullptr), "decoder cannot be opened");
  }

  void drain(AVCodecContext& codec, const AVPacket* packet) {
    check(avcodec_send_packet(&codec, packet), "damaged");
    while (true) {
      const int code = avcodec_receive_frame(&codec, frame_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code, "damaged");
      if (&codec == video_.get())
        take_picture();
      else
        take_sound();
      av_frame_unref(frame_.get());
    }
  }

  double time_of(int stream) const {
    const std::int64_t stamp = frame_->best_effort_timestamp;
    return stamp == AV_NOPTS_VALUE ? none_ : double(stamp) * av_q2d(format_->streams[stream]->time_base) - origin_;
  }

  double next_frame_time() const { return clip_.frames == 0 ? 0 : double(clip_.frames) / clip_.frames_per_second; }

  /// Decides the extents at the first picture, then emits the picture before this one for every output moment it
  /// covers.
  void take_picture() {
    if (clip_.rows == 0) {
      const AVRational rate = av_guess_frame_rate(format_.get(), format_->streams[video_stream_], nullptr);
      const double native = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 25;
      clip_.frames_per_second = options_.frames_per_second > 0 ? options_.frames_per_second : native;
      clip_.rows = options_.rows > 0 ? options_.rows : frame_->height;
      clip_.columns = options_.columns > 0 ? options_.columns : frame_->width;
      clip_.channels = options_.color ? 3 : 1;
      picture_duration_ = 1 / native;
    }
    double time = time_of(video_stream_);
    if (std::isnan(time)) time = pictures_ == 0 ? 0 : last_time_ + picture_duration_;
    if (pictures_++ > 0) emit_until(time);
    last_time_ = time;
    scale();
  }

  /// Repeats the held picture until the output moment `time`; moments are compared at the middle of a frame, so that
  /// jitter of the stamps neither drops nor doubles one.
  void emit_until(double time) {
    const double half = 0.5 / clip_.frames_per_second;
    while (next_frame_time() + half <= time && next_frame_time() < options_.longest) {
      if (clip_.pixels.size() + picture_.size() > options_.memory)
        throw multifuse::file_error(where_, "too large to decode", std::to_string(options_.memory) + " bytes of frames",
                                    "more");
      clip_.pixels.insert(clip_.pixels.end(), picture_.begin(), picture_.end());
      ++clip_.frames;
    }
  }

  void scale() {
    const AVPixelFormat format = options_.color ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8;
    const auto source = static_cast<AVPixelFormat>(frame_->format);
    SwsContext* scaler =
        sws_getCachedContext(scaler_.release(), frame_->width, frame_->height, source, int(clip_.columns),
                             int(clip_.rows), format, SWS_AREA | SWS_ACCURATE_RND, nullptr, nullptr, nullptr);
    if (scaler == nullptr) throw multifuse::file_error(where_, "pixels of a format that cannot be converted", "", "");
    scaler_.reset(scaler);
    // rows are padded for the scaler's vector instructions and copied without the padding
    const int line = FFALIGN(int(clip_.columns * clip_.channels), 64);
    padded_.resize(std::size_t(line) * std::size_t(clip_.rows) + 64);
    std::uint8_t* planes[4] = {padded_.data()};
    const int lines[4] = {line};
    check(sws_scale(scaler, frame_->data, frame_->linesize, 0, frame_->height, planes, lines),
          "picture cannot be scaled");
    const auto row_bytes = clip_.columns * clip_.channels;
    picture_.resize(std::size_t(clip_.rows * row_bytes));
    for (isize r = 0; r < clip_.rows; ++r)
      std::copy_n(padded_.data() + r * line, row_bytes, picture_.data() + r * row_bytes);
  }

  void finish_video() {
    if (pictures_ > 0) emit_until(last_time_ + picture_duration_ + 0.25 / clip_.frames_per_second);
    if (clip_.frames == 0) throw multifuse::file_error(where_, "holds no picture", "", "");
  }

  void take_sound() {
    AVChannelLayout layout{}, mono = AV_CHANNEL_LAYOUT_MONO;
    if (frame_->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
      av_channel_layout_default(&layout, frame_->ch_layout.nb_channels);
    else
      check(av_channel_layout_copy(&layout, &frame_->ch_layout), "unusable channel layout");
    if (!resampler_) {
      SwrContext* resampler = nullptr;
      check(swr_alloc_set_opts2(&resampler, &mono, AV_SAMPLE_FMT_FLT, options_.sample_rate, &layout,
                                static_cast<AVSampleFormat>(frame_->format), frame_->sample_rate, 0, nullptr),
            "sound cannot be converted");
      resampler_.reset(resampler);
      check(swr_init(resampler), "sound cannot be converted");
      source_format_ = frame_->format, source_rate_ = frame_->sample_rate, source_channels_ = layout.nb_channels;
      clip_.sample_rate = options_.sample_rate;
      const double start = time_of(audio_stream_);
      // sound that begins late is preceded by silence; what begins early is cut at the end
      const double offset = std::isnan(start) ? 0 : std::min(start, options_.longest) * options_.sample_rate;
      clip_.audio.assign(std::size_t(std::max(0.0, std::round(offset))), 0.0f);
      early_samples_ = std::size_t(std::max(0.0, std::round(-offset)));
    }
    const int channels = layout.nb_channels;
    av_channel_layout_uninit(&layout);
    if (frame_->format != source_format_ || frame_->sample_rate != source_rate_ || channels != source_channels_)
      throw multifuse::file_error(where_, "sound changes its format in the middle", "", "");
    resample(const_cast<const std::uint8_t**>(frame_->extended_data), frame_->nb_samples);
  }

  void resample(const std::uint8_t** data, int samples) {
    const int room = swr_get_out_samples(resampler_.get(), samples);
    check(room, "sound cannot be converted");
    const std::size_t before = clip_.audio.size();
    clip_.audio.resize(before + std::size_t(room));
    auto* out = reinterpret_cast<std::uint8_t*>(clip_.audio.data() + before);
    const int made = swr_convert(resampler_.get(), &out, room, data, samples);
    check(made, "sound cannot be converted");
    clip_.audio.resize(before + std::size_t(made));
  }

  void finish_audio() {
    if (resampler_) resample(nullptr, 0);
    const auto early = std::ptrdiff_t(std::min(early_samples_, clip_.audio.size()));
    clip_.audio.erase(clip_.audio.begin(), clip_.audio.begin() + early);
    const auto longest = std::size_t(std::lround(options_.longest * options_.sample_rate));
    if (clip_.audio.size() > longest) clip_.audio.resize(longest);
    for (float& x : clip_.audio) {
      if (!std::isfinite(x)) throw multifuse::file_error(where_, "holds a sample that is not finite", "", "");
      x = std::clamp(x, -1.0f, 1.0f);
    }
  }

  static constexpr double none_ = std::numeric_limits<double>::quiet_NaN();
  std::string where_;
  decode_options options_;
  format_handle format_;
  codec_handle video_, audio_;
  frame_handle frame_;
  scaler_handle scaler_;
  resampler_handle resampler_;
  int video_stream_ = -1, audio_stream_ = -1;
  int source_format_ = -1, source_rate_ = 0, source_channels_ = 0;
  double origin_ = 0, last_time_ = 0, picture_duration_ = 0.04;
  isize pictures_ = 0;
  std::size_t early_samples_ = 0;
  std::vector<std::uint8_t> padded_, picture_;
  clip clip_;
};

}  // namespace detail

/// Mono sound at another rate, [samples * to / from] with both ends kept.
/// @throws argument_error  for rates outside 1000 ... 384000 Hz
inline std::vector<float> resample(std::span<const float> samples, int from, int to) {
  if (from < 1000 || from > 384000 || to < 1000 || to > 384000)
    throw multifuse::argument_error("resample", "unusable rate", "1000 ... 384000 Hz",
                                    std::to_string(from) + " to " + std::to_string(to));
  if (from == to) return {samples.begin(), samples.end()};
  AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
  SwrContext* context = nullptr;
  int code = swr_alloc_set_opts2(&context, &mono, AV_SAMPLE_FMT_FLT, to, &mono, AV_SAMPLE_FMT_FLT, from, 0, nullptr);
  const detail::resampler_handle resampler(context);
  if (code >= 0) code = swr_init(context);
  std::vector<float> result(std::size_t(double(samples.size()) * to / from) + 4096);
  std::size_t filled = 0;
  // in pieces, because the converter counts in int; the last call, without input, flushes its filter
  constexpr std::size_t piece = 1 << 20;
  for (std::size_t begin = 0; code >= 0 && begin <= samples.size(); begin += piece) {
    const auto input = samples.subspan(begin, std::min(piece, samples.size() - begin));
    const bool last = begin + piece > samples.size();
    for (const bool flush : {false, true}) {
      if (flush && !last) continue;
      auto* out = reinterpret_cast<std::uint8_t*>(result.data() + filled);
      const auto* in = reinterpret_cast<const std::uint8_t*>(input.data());
      code = swr_convert(context, &out, int(std::min<std::size_t>(result.size() - filled, 1 << 30)),
                         flush ? nullptr : &in, flush ? 0 : int(input.size()));
      if (code < 0) break;
      filled += std::size_t(code);
    }
  }
  if (code < 0) throw multifuse::error("resample", "the converter refuses", "", detail::ffmpeg_text(code));
  result.resize(std::min(filled, std::size_t(std::llround(double(samples.size()) * to / from))));
  return result;
}

/// Decodes pictures and sound of a file through FFmpeg: the best video and the best audio stream of it.
/// @throws file_error      when the file is missing, is no clip, is damaged, or would need more memory than allowed
/// @throws argument_error  for options out of range
inline clip decode_clip(const std::filesystem::path& path, const decode_options& options = {}) {
  return detail::clip_decoder(path, options).decode();
}

}  // namespace examples
