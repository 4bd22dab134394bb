internal import CFFmpeg

/// The containers and codecs this project stands behind; everything else is refused before a byte of it is parsed.
///
/// The lists are short on purpose: every demuxer and decoder is code that reads hostile bytes. Playlists, scripts and
/// devices are left out because they make FFmpeg open other files.
public enum VideoFormats {
    /// Accepted containers by FFmpeg's names.
    public static let containers = [
        "mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "h264", "hevc", "obu", "ivf", "m4v",
        "flv",
        "asf", "ogg", "yuv4mpegpipe", "gif",
    ]

    /// Accepted video codecs by FFmpeg's names.
    public static let codecs = [
        "h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3",
        "wmv1", "wmv2", "wmv3", "vc1", "h263", "flv1", "theora", "mjpeg", "png", "gif", "webp", "prores", "dnxhd",
        "ffv1",
        "huffyuv", "ffvhuff", "rawvideo",
    ]

    /// Decoders for the accepted codecs, by FFmpeg's names of decoders.
    package static let decoders =
        codecs.filter { !["av1", "msmpeg4v3", "flv1"].contains($0) } + ["libdav1d", "libaom-av1", "msmpeg4", "flv"]

    /// Containers of single pictures, accepted for image queries only.
    static let pictures = ["png_pipe", "jpeg_pipe", "webp_pipe"]

    /// Extensions by which folders are searched for videos, in lower case.
    public static let fileExtensions: Set<String> = [
        "mp4", "m4v", "mov", "3gp", "mkv", "webm", "avi", "mpg", "mpeg", "vob", "ts", "m2ts", "mts", "flv", "wmv",
        "asf",
        "ogv", "ogg", "ivf", "y4m", "gif", "h264", "264", "hevc", "265", "h265", "obu",
    ]

    /// The FFmpeg libraries in use, by name.
    public static func versions() -> [(String, String)] {
        [
            ("libavformat", avformat_version()), ("libavcodec", avcodec_version()), ("libswscale", swscale_version()),
            ("libavutil", avutil_version()),
        ].map { name, version in (name, "\(version >> 16).\(version >> 8 & 255).\(version & 255)") }
    }

    /// Says what the bytes at the start of a refused input look like.
    static func describe(_ head: [UInt8]) -> String? {
        if head.isEmpty { return "an empty file" }
        let text = String(decoding: head, as: UTF8.self)
        let scripts = [
            ("#EXTM3U", "an HLS playlist"), ("ffconcat version", "an ffconcat script"), ("v=0", "an SDP description"),
            ("<?xml", "an XML document"), ("<MPD", "a DASH manifest"), ("<smil", "a SMIL playlist"),
            ("<!DOCTYPE html", "an HTML page"), ("<html", "an HTML page"), ("[playlist]", "a PLS playlist"),
        ]
        for (prefix, name) in scripts where text.hasPrefix(prefix) { return name }
        // Text has no control characters but white space.
        if head.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || 0x09...0x0d ~= $0 }) { return "text, not video" }
        return nil
    }
}
