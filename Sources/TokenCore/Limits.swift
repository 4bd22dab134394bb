/// The most that one untrusted input may cost; every stage checks the part it is about to spend.
///
/// The defaults fit 8K video of any practical length at a low sampling rate, and stop a small file that unpacks into
/// gigabytes. A service lets a request lower them, never raise them.
public struct Limits: Sendable, Equatable, Codable {
    /// Pixels of one decoded picture.
    ///
    /// 2^25 fits 7680 x 4320.
    public var pixelsPerFrame: Int = 1 << 25
    /// Frames the decoder may produce for one input, wanted or not.
    public var decodedFrames: Int = 4_000_000
    /// Frames that may be sampled from one input.
    public var sampledFrames: Int = 100_000
    /// Bytes that may be read from one input.
    public var inputBytes: Int = 1 << 40
    /// Bytes that one token grid may take, in memory or spooled to disk.
    public var gridBytes: Int = 64 << 30
    /// Wall-clock seconds that one input may take to open and decode.
    public var seconds: Double = 24 * 3600
    /// Wall-clock seconds to wait for the next byte of a pipe or network source.
    public var stallSeconds: Double = 30

    /// The default limits.
    public init() {}
}
