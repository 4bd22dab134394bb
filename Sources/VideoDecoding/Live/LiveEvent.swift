public import TokenCore

/// What a live source brings next.
public enum LiveEvent: Sendable {
    /// The source delivers pictures; the attempts since it last did, 1 at the first.
    case opened(VideoInfo, attempt: Int)
    /// A sampled frame. Its pts counts from the first frame of the whole stream and strictly increases, across gaps too.
    case frame(VideoFrame, arrival: ContinuousClock.Instant)
    /// The source went away or could not be reached; it is tried again.
    case gap(LiveGap)
    /// A pipe or file is over, or the source was closed; nothing follows.
    case ended
}

/// Why and since when a live source delivers nothing.
public struct LiveGap: Sendable, Equatable {
    /// What happened to the source.
    public enum Reason: String, Sendable, CaseIterable {
        /// No frame within the time allowed.
        case stall
        /// The sender ended the stream.
        case end
        /// Nobody answers at the address, or the server says no.
        case refused
        /// The connection broke.
        case reset
        /// The device is gone.
        case unplugged
        /// What arrives is not the video that it was.
        case damaged
        /// The user asked for a new connection.
        case reopened
    }
    /// What happened to the source.
    public let reason: Reason
    /// The same in words, without addresses' credentials.
    public let detail: String
    /// Stream seconds of the last frame before the gap; nil before the first frame.
    public let since: Double?
    /// Failed attempts to open the source since it last delivered.
    public let attempt: Int

    /// Names a gap.
    public init(reason: Reason, detail: String, since: Double?, attempt: Int) {
        self.reason = reason
        self.detail = detail
        self.since = since
        self.attempt = attempt
    }
}

/// What a live source has done so far.
public struct LiveStatistics: Sendable, Equatable {
    /// Pictures the source delivered.
    public var framesRead = 0
    /// Pictures that the sampling chose.
    public var framesSampled = 0
    /// Chosen pictures that went unread because newer ones came before the reader was ready.
    public var framesDropped = 0
    /// Times the source was opened again after it had delivered.
    public var reopenings = 0
    /// Compressed bytes received.
    public var bytesRead: Int64 = 0

    /// Nothing yet.
    public init() {}
}
