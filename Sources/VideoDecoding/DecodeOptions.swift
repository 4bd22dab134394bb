public import TokenCore

/// Where the bytes of a video come from.
public enum VideoSource: Sendable {
    /// A file by its path. The string is only ever a path: names such as `concat:a|b` are files of that name.
    case file(String)
    /// The process's standard input, read once from front to back where it is a pipe.
    case standardInput
    /// An address that the user named, over http, https, rtsp, rtp, tcp, udp or tls.
    case url(String)
    /// A whole file in memory.
    case memory([UInt8])

    /// How errors name the source.
    public var name: String {
        switch self {
        case .file(let path): path
        case .standardInput: "standard input"
        case .url(let address): address
        case .memory: "bytes in memory"
        }
    }
}

/// Which frames of a stream are wanted.
///
/// The choice follows from the timestamps alone, so it does not depend on how the decoder gets to the frames. Times
/// count from the first frame that the stream shows, and no frame is returned twice.
public enum FrameSampling: Sendable, Equatable, Codable {
    /// Every frame.
    case all
    /// The frame on screen at `start + k / rate` for k = 0, 1, …, in frames per second.
    case rate(Double)
    /// That many frames spread evenly: those on screen in the middle of equal parts, or all where there are fewer.
    case count(Int)
    /// The frames that the container marks as key frames.
    case keyframes
    /// A number of frames that follows from how many there are, chosen by their index.
    case spread(FrameSpread)
    /// The frames on screen at these times, which ascend: seconds on the stream's own clock, as ``VideoFrame/pts`` has
    /// them.
    case times([Double])
}

extension FrameSampling {
    /// Whether frames are best chosen once all are known.
    var prefersWhole: Bool { if case .spread = self { true } else { needsEnd } }

    /// Whether frames can't be chosen before the end is known.
    var needsEnd: Bool {
        switch self {
        case .count: true
        case .spread(let spread): spread.count != nil
        case .all, .rate, .keyframes, .times: false
        }
    }
}

/// The size of the pictures to return.
public enum FrameSize: Sendable, Equatable, Codable {
    /// Upright and with square pixels, otherwise as stored.
    case display
    /// Upright and scaled to this size, whatever the shape of the video.
    case exactly(width: Int, height: Int)
    /// Upright and with square pixels, scaled down where the longer edge has more pixels than this.
    case within(edge: Int)
}

/// What a decoder is asked to do.
public struct DecodeOptions: Sendable {
    /// Which frames to return.
    public var sampling: FrameSampling = .rate(1)
    /// Seconds after the stream's first frame from which frames are wanted.
    public var start: Double?
    /// Seconds after the stream's first frame before which frames are wanted.
    public var end: Double?
    /// The size of the returned pictures.
    public var size: FrameSize = .display
    /// Which video stream, counted from 0 among the video streams of the container; nil takes the first.
    public var stream: Int?
    /// The most that the input may cost.
    public var limits = Limits()
    /// Decoder threads; 0 takes one for each core.
    public var threads = 0
    /// Raised from another thread to stop blocking calls.
    public var cancellation: Cancellation?

    /// Insists on one way through a seekable input, for tests that compare them.
    package var strategy: DecodeStrategy?
    /// Bytes that are read and dropped rather than seeked over: a seek costs a search and a new buffer.
    package var seekDistance: Int64 = 8 << 20

    /// One frame a second at its display size.
    public init() {}

    /// Refuses settings that make no sense before anything is opened.
    func validate() throws(TokenReelError) {
        func refuse(_ found: String, _ allowed: String, _ option: String) -> TokenReelError {
            TokenReelError(
                .invalidArgument, subject: "sampling", found: found, allowed: allowed, remedy: "set it with \(option)")
        }
        switch sampling {
        case .rate(let rate) where !(rate > 0 && rate <= 1000):
            throw refuse("\(rate) frames per second", "above 0 and up to 1000", "--fps")
        case .count(let count) where count < 1:
            throw refuse("\(count) frames", "1 or more", "--frames")
        case .spread(let spread) where !(spread.rate.map { $0 > 0 && $0 <= 1000 } ?? true):
            throw refuse("\(spread.rate ?? 0) frames per second", "above 0 and up to 1000", "--fps")
        case .spread(let spread) where !(spread.count.map { $0 >= 1 } ?? true):
            throw refuse("\(spread.count ?? 0) frames", "1 or more", "--frames")
        case .times(let times) where !zip(times, times.dropFirst()).allSatisfy(<) || !times.allSatisfy(\.isFinite):
            throw TokenReelError(
                .invalidArgument, subject: "sampling", found: "times that do not ascend", allowed: "ascending seconds")
        default: break
        }
        if let start, !(start >= 0 && start < 1e9) { throw refuse("a start at \(start) s", "0 s or later", "--start") }
        if let end, !(end > start ?? 0 && end < 1e9) {
            throw refuse("an end at \(end) s", "later than the start at \(start ?? 0) s", "--end")
        }
        if case .within(let edge) = size, edge < 1 {
            throw TokenReelError(
                .invalidArgument, subject: "frame size", found: "an edge of \(edge) pixels", allowed: "1 or more")
        }
        if case .exactly(let width, let height) = size {
            let (area, overflow) = width.multipliedReportingOverflow(by: height)
            guard width > 0, height > 0, !overflow, width <= 1 << 16, height <= 1 << 16, area <= limits.pixelsPerFrame
            else {
                throw TokenReelError(
                    .invalidArgument, subject: "frame size", found: "\(width) x \(height)",
                    allowed: "1 to \(limits.pixelsPerFrame) pixels", remedy: "raise it with --max-pixels")
            }
        }
    }
}

/// How a decoder went through its input.
public enum DecodeStrategy: String, Sendable, Codable {
    /// Every frame was decoded, from the first to the last.
    case readThrough = "read-through"
    /// Groups of pictures without a wanted frame, and pictures that no wanted frame needs, were left out.
    case seek
    /// Frames were chosen as they came, from a source that can only be read once.
    case stream
}

/// What decoding took, and what was odd about the input.
public struct DecodeStatistics: Sendable, Codable {
    /// Packets of the chosen stream that went to the decoder.
    public internal(set) var packetsRead = 0
    /// Pictures that the decoder put out.
    public internal(set) var framesDecoded = 0
    /// Frames handed to the caller.
    public internal(set) var framesReturned = 0
    /// Packets that could not be decoded, and pictures that came out damaged.
    public internal(set) var decodeErrors = 0
    /// Jumps in the input.
    public internal(set) var seeks = 0
    /// How the input was gone through.
    public internal(set) var strategy: DecodeStrategy = .stream
    /// What a user should know about the result, each said once.
    public internal(set) var notices: [String] = []

    mutating func note(_ notice: String) {
        if !notices.contains(notice) { notices.append(notice) }
    }
}
