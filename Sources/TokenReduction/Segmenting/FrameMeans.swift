internal import TensorOps
internal import TokenCore

extension ReductionInput {
    /// The mean token of each frame, `[T, D]`.
    ///
    /// O(T N D).
    func frameMeans() -> TensorBuffer<Float> {
        let cells = grid.shape.tokensPerFrame
        let means = Parallel.map(count: grid.shape.frames, workers: workers) { frame -> [Float] in
            grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: channels) {
                Rows.mean($0, channels: channels)
            }
        }
        return TensorBuffer(means.flatMap { $0 })
    }

    /// Cosine of each cell of one frame to the same cell of another, `[N]`; 0 where a token is the zero vector.
    ///
    /// O(N D).
    func cellCosines(_ frame: Int, _ other: Int) -> [Float] {
        let cells = grid.shape.tokensPerFrame
        let dots = grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: channels) { tokens in
            grid.values.withRows(other * cells..<(other + 1) * cells, channels: channels) {
                Rows.dotsAndSquares(tokens, $0, channels: channels).dots
            }
        }
        return (0..<cells).map { cell in
            let scale = norms[frame * cells + cell] * norms[other * cells + cell]
            return scale > 0 ? dots[cell] / scale : 0
        }
    }
}

extension Rows {
    /// The mean of the rows of a row-major matrix, added up in order; zeros if there are none.
    static func mean(_ values: UnsafeBufferPointer<Float>, channels: Int) -> [Float] {
        let rows = values.count / channels
        var mean = [Float](repeating: 0, count: channels)
        mean.withUnsafeMutableBufferPointer { mean in
            for row in 0..<rows {
                let token = UnsafeBufferPointer(rebasing: values[row * channels..<(row + 1) * channels])
                Rows.add(token, scale: 1, to: mean)
            }
        }
        return mean.map { $0 / Float(max(rows, 1)) }
    }
}
