internal import TokenCore
public import TokenReduction
public import VideoDecoding

/// What a live reduction tells as it goes.
public enum LiveReductionEvent: Sendable {
    /// The source delivers pictures.
    case opened(VideoInfo, attempt: Int)
    /// A segment is finished; its frames are forgotten.
    case segment(CommittedSegment)
    /// The source delivers nothing for now. The open segment was committed before.
    case gap(LiveGap)
}

/// A stretch of a stream that can no longer change, reduced.
public struct CommittedSegment: Sendable {
    /// Counts 0, 1, 2, … over the whole stream.
    public let id: Int
    /// Which frames of the stream it holds, counted from 0 at the first; where the encoder joins frames, which groups.
    public let frames: Range<Int>
    /// The tokens; frames of positions count from the segment's first, ``TokenSequence/frameTimes`` are seconds of the
    /// stream.
    public let sequence: TokenSequence
    /// What a token file of the segment says besides its tensors.
    public let metadata: [String: String]
    /// Names of the standing queries it was reduced for.
    public let queries: [String]
    /// When each frame arrived; of a group, its first.
    public let arrivals: [ContinuousClock.Instant]
    /// When the segment was found to be finished.
    public let closed: ContinuousClock.Instant
    /// Seconds that each stage took on it.
    public let stages: [StageTiming]

    package init(
        id: Int, frames: Range<Int>, sequence: TokenSequence, metadata: [String: String], queries: [String],
        arrivals: [ContinuousClock.Instant], closed: ContinuousClock.Instant, stages: [StageTiming]
    ) {
        self.id = id
        self.frames = frames
        self.sequence = sequence
        self.metadata = metadata
        self.queries = queries
        self.arrivals = arrivals
        self.closed = closed
        self.stages = stages
    }

    /// Number of tokens before reduction.
    public var tokensIn: Int { sequence.shape.tokenCount }
}
