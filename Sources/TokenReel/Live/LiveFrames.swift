public import VideoDecoding

/// A source of frames that has no end, or whose end is far away.
///
/// ``LiveVideo`` is one; others can be written for frames that come from elsewhere.
public protocol LiveFrames: Sendable {
    /// Waits for what comes next, at most that long; nil if nothing came. Called from one thread.
    func next(timeout seconds: Double) -> LiveEvent?
    /// Gives up the connection and makes a new one.
    func reopen()
    /// Ends the stream; ``next(timeout:)`` then gives what is left and ``LiveEvent/ended``.
    func close()
    /// What has been done so far.
    var statistics: LiveStatistics { get }
    /// Frames a second that the source takes; nil where they come at the rate of the pipeline's sampling.
    var sampleRate: Double? { get }
}

extension LiveFrames {
    /// Nil.
    public var sampleRate: Double? { nil }
}
