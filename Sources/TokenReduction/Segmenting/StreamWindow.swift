public import TokenCore

/// How much of a stream may wait for its segments to be finished.
///
/// Frames wait until a segment can no longer change, but no longer than this: once the window is full, what waits is cut
/// as it stands. Both bounds are functions of the frames and their times alone, so a stream and a file with the same frames
/// are cut alike.
public struct StreamWindow: Sendable, Equatable {
    /// Most frames that wait, 1 or more.
    public var frames: Int
    /// Seconds of stream time between the first and the last frame that wait at which the window is full; nil for any.
    public var seconds: Double?

    /// 32 frames, however long they take.
    public init(frames: Int = 32, seconds: Double? = nil) {
        self.frames = frames
        self.seconds = seconds
    }

    /// Whether frames shown at `times`, in order, fill the window.
    func isFull(_ times: ArraySlice<Double>) -> Bool {
        guard times.count < frames else { return true }
        guard let seconds, let first = times.first, let last = times.last, times.count > 1 else { return false }
        return last - first >= seconds
    }

    /// Refuses a window that nothing fits into.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func validate() throws(TokenReelError) {
        guard 1...1_000_000 ~= frames else {
            throw TokenReelError(
                .invalidArgument, subject: "window", found: "\(frames) frames", allowed: "1 to 1000000",
                remedy: "set it with --window")
        }
        if let seconds, !(seconds > 0 && seconds.isFinite) {
            throw TokenReelError(
                .invalidArgument, subject: "window", found: "\(seconds) seconds", allowed: "more than 0",
                remedy: "set it with --max-latency")
        }
    }
}
