public import TokenCore

/// What a container and its chosen video stream say about themselves, before anything is decoded.
public struct VideoInfo: Sendable, Codable {
    /// The container by FFmpeg's name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    public internal(set) var container = ""
    /// The codec, such as `h264`.
    public internal(set) var codec = ""
    /// Pixels per row of the upright picture with square pixels.
    public internal(set) var width = 0
    /// Rows of the upright picture with square pixels.
    public internal(set) var height = 0
    /// Pixels per row as stored.
    public internal(set) var storedWidth = 0
    /// Rows as stored.
    public internal(set) var storedHeight = 0
    /// Degrees clockwise by which the stored picture is turned for display: 0, 90, 180 or 270.
    public internal(set) var rotation = 0
    /// Width of a stored pixel by its height; 1 where the container says nothing.
    public internal(set) var sampleAspectRatio = 1.0
    /// Frames per second on average; nil where unknown.
    public internal(set) var frameRate: Double?
    /// Seconds the container claims; nil where it claims nothing.
    public internal(set) var duration: Double?
    /// Seconds on the stream's clock of its first frame, as the container claims; nil where it claims nothing.
    public internal(set) var startTime: Double?
    /// The pixel format by FFmpeg's name, such as `yuv420p10le`.
    public internal(set) var pixelFormat = ""
    /// Bits of one sample.
    public internal(set) var bitDepth = 8
    /// The matrix between the stored samples and RGB, such as `bt709`; chosen from the height where unspecified.
    public internal(set) var colourMatrix = ""
    /// Whether samples use all values of their type, rather than 16…235 scaled to the bit depth.
    public internal(set) var isFullRange = false
    /// Whether the stream is marked as interlaced.
    public internal(set) var isInterlaced = false
    /// Number of video streams, cover art left out.
    public internal(set) var videoStreams = 0
    /// The chosen stream, counted from 0 among the video streams.
    public internal(set) var stream = 0
    /// The unit of the stream's timestamps, in seconds.
    public internal(set) var timeBase: Rational
}
