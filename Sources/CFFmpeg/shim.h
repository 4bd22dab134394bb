// The one place that knows FFmpeg's versions (5.1 to 7) and the macros that Swift can't import.
#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/cpu.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include <dlfcn.h>

static const int cff_error_eof = AVERROR_EOF;
static const int cff_error_exit = AVERROR_EXIT;
static const int cff_error_invalid_data = AVERROR_INVALIDDATA;
static const int cff_error_again = AVERROR(EAGAIN);
static const int cff_error_invalid_argument = AVERROR(EINVAL);
static const int cff_error_io = AVERROR(EIO);
static const int cff_error_unsupported = AVERROR(ENOSYS);
static const int cff_error_memory = AVERROR(ENOMEM);
static const int64_t cff_no_pts = AV_NOPTS_VALUE;
static const int64_t cff_time_base = AV_TIME_BASE;
static const int cff_seek_size = AVSEEK_SIZE;
static const int cff_seek_force = AVSEEK_FORCE;

/// The nominal duration of a picture in stream ticks, 0 where unknown.
static inline int64_t cff_frame_duration(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

static inline int cff_frame_is_key(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
    return frame->key_frame;
#endif
}

static inline int cff_frame_is_interlaced(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    return frame->interlaced_frame;
#endif
}

static inline int cff_frame_top_field_first(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return (frame->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST) != 0;
#else
    return frame->top_field_first;
#endif
}

static inline int cff_frame_is_damaged(const AVFrame *frame) {
    return (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame->decode_error_flags != 0;
}

/// The 3 x 3 display matrix of a stream (9 values), or null.
static inline const int32_t *cff_display_matrix(const AVStream *stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
    const AVPacketSideData *side = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 36 ? (const int32_t *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 36 ? (const int32_t *)data : NULL;
#endif
}

/// The display matrix that a picture itself carries (stills with EXIF orientation), or null.
static inline const int32_t *cff_frame_display_matrix(const AVFrame *frame) {
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    return side && side->size >= 36 ? (const int32_t *)side->data : NULL;
}

/// Refuses whatever a demuxer wants to open beside its own input: playlists' segments, external references.
static inline int cff_refuse_open(
    struct AVFormatContext *context, AVIOContext **io, const char *url, int flags, AVDictionary **options) {
    (void)context; (void)io; (void)url; (void)flags; (void)options;
    return AVERROR(EPERM);
}

static inline void cff_refuse_nested_opens(AVFormatContext *context) { context->io_open = cff_refuse_open; }

#ifdef __APPLE__
#define CFF_DEVICES "libavdevice." AV_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR) ".dylib"
#else
#define CFF_DEVICES "libavdevice.so." AV_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR)
#endif

/// Makes devices known as input formats; 0 where FFmpeg's library of devices is not installed.
///
/// It is loaded only when a device is asked for: it brings eighty other libraries (X11, SDL, PulseAudio, ...), and linked
/// it would double the time and memory that every start takes. Its version is always that of libavformat.
static inline int cff_load_devices(void) {
    void *library = dlopen(CFF_DEVICES, RTLD_NOW | RTLD_LOCAL);
    void (*register_all)(void) = library ? (void (*)(void))dlsym(library, "avdevice_register_all") : NULL;
    if (register_all) register_all();
    return register_all != NULL;
}
