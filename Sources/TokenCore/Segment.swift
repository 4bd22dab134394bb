/// A half-open range of frames that belong together.
public struct Segment: Sendable, Hashable {
    /// First frame.
    public let start: Int
    /// One past the last frame; greater than ``start``.
    public let end: Int

    /// Makes `start ..< end`.
    ///
    /// - Precondition: `start < end`.
    public init(start: Int, end: Int) {
        precondition(start < end, "a segment holds at least one frame")
        self.start = start
        self.end = end
    }

    /// Number of frames.
    public var count: Int { end - start }
    /// The frames as a range.
    public var frames: Range<Int> { start..<end }
}
