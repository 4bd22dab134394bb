internal import TensorOps
public import TokenCore

/// `[T - 1, N]` cosine similarities of every cell with the same cell one frame later.
public struct TemporalSimilarity: Sendable {
    /// Number of frames, T.
    public let frames: Int
    /// Cells of a frame, N.
    public let cells: Int
    /// `values[t * cells + n] = cos(x[t, n], x[t + 1, n])`; 0 where a token is the zero vector.
    public let values: [Float]

    /// Wraps similarities computed elsewhere.
    ///
    /// - Precondition: `values.count == max(frames - 1, 0) * cells`.
    public init(frames: Int, cells: Int, values: [Float]) {
        precondition(values.count == max(frames - 1, 0) * cells, "one similarity for each cell and pair of frames")
        self.frames = frames
        self.cells = cells
        self.values = values
    }

    /// The cells whose similarity stays strictly above `threshold` all through `segment`; none in a single frame.
    public func staticCells(in segment: Segment, above threshold: Float) -> [Int] {
        guard segment.count > 1 else { return [] }
        return (0..<cells).filter { cell in
            (segment.start..<segment.end - 1).allSatisfy { values[$0 * cells + cell] > threshold }
        }
    }
}
