internal import TensorOps
package import TokenCore

/// A segmenter that reads nothing but how alike neighbouring frames are, so that it can follow a stream.
package protocol StreamingSegmenter: TemporalSegmenter {
    /// Segments that tile the frames in order.
    func segments(of similarity: TemporalSimilarity) -> [Segment]
    /// The leading segments that stay as they are whatever frames follow.
    func settledSegments(of similarity: TemporalSimilarity) -> [Segment]
}

/// The rule by which the frames of a stream become segments that no longer change.
///
/// Frames enter one by one and wait. A ``StreamingSegmenter`` tells which leading segments no later frame can change; they
/// are committed at once. When the ``StreamWindow`` is full, the waiting frames are segmented as they stand, and of several
/// segments all but the last are committed, since the last may still grow. Segmenters that look at a video as a whole, and
/// recipes without one, commit all that waits when the window is full. At the end of the stream, or where it breaks off, all
/// is committed.
///
/// The rule sees a frame's tokens and time and nothing else, so it does not matter whether frames come from a camera or a
/// file. Cost: O(N D) a frame for similarities, and what the segmenter takes on those of the window.
package struct SegmentCommitter {
    private let segmenter: (any TemporalSegmenter)?
    private let window: StreamWindow
    /// When each waiting frame is shown.
    private var times: [Double] = []
    /// How alike the waiting frames are, each to the next, cell by cell; kept for streaming segmenters only.
    private var similarities: [Float] = []
    private var last: (tokens: [Float], norms: [Float])?

    /// The input of a reduction of some of the waiting frames.
    package typealias Input = (Range<Int>) throws(TokenReelError) -> ReductionInput

    package init(_ recipe: Recipe, window: StreamWindow) {
        segmenter = recipe.segmenter
        self.window = window
    }

    /// Takes a frame with its tokens `[N, channels]`, and gives the segments that are finished now: they tile the first of
    /// the waiting frames, which wait no longer.
    package mutating func append(
        _ tokens: UnsafeBufferPointer<Float>, channels: Int, at seconds: Double, input: Input
    ) throws(TokenReelError) -> [Segment] {
        if segmenter is any StreamingSegmenter { compare(tokens, channels) }
        times.append(seconds)
        var committed: [Segment] = []
        if let streaming = segmenter as? any StreamingSegmenter {
            committed = streaming.settledSegments(of: similarity(from: 0))
        }
        while true {
            let start = committed.last?.end ?? 0
            guard start < times.count, window.isFull(times[start...]) else { break }
            let segments = try segments(from: start, input)
            // Only what a streaming segmenter put last may still grow.
            let isOpen = segmenter is any StreamingSegmenter && segments.count > 1
            committed += isOpen ? segments.dropLast() : segments
        }
        forget(committed.last?.end ?? 0)
        return committed
    }

    /// Commits all that waits.
    package mutating func finish(input: Input) throws(TokenReelError) -> [Segment] {
        guard !times.isEmpty else { return [] }
        let segments = try segments(from: 0, input)
        forget(times.count)
        return segments
    }

    private func segments(from start: Int, _ input: Input) throws(TokenReelError) -> [Segment] {
        let segments =
            switch segmenter {
            case nil: [Segment(start: 0, end: times.count - start)]
            case let streaming as any StreamingSegmenter: streaming.segments(of: similarity(from: start))
            case let global?: try global.segments(of: input(start..<times.count))
            }
        return segments.map { Segment(start: start + $0.start, end: start + $0.end) }
    }

    private func similarity(from start: Int) -> TemporalSimilarity {
        let cells = last?.norms.count ?? 0
        return TemporalSimilarity(
            frames: times.count - start, cells: cells, values: Array(similarities[(start * cells)...]))
    }

    private mutating func compare(_ tokens: UnsafeBufferPointer<Float>, _ channels: Int) {
        let norms: [Float]
        if let last {
            let (dots, squares) = last.tokens.withUnsafeBufferPointer {
                Rows.dotsAndSquares($0, tokens, channels: channels)
            }
            norms = squares.map { $0.squareRoot() }
            // Not with the frame that a segment took along when it left.
            if !times.isEmpty {
                for (cell, dot) in dots.enumerated() {
                    let scale = last.norms[cell] * norms[cell]
                    similarities.append(scale > 0 ? dot / scale : 0)
                }
            }
        } else {
            norms = Rows.norms(tokens, channels: channels)
        }
        last = (Array(tokens), norms)
    }

    private mutating func forget(_ frames: Int) {
        times.removeFirst(frames)
        let cells = last?.norms.count ?? 0
        similarities.removeFirst(min(frames * cells, similarities.count))
    }
}
