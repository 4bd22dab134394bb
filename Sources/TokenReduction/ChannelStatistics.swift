internal import TensorOps
package import TokenCore

/// Figures about each channel over many tokens.
package enum ChannelStatistics {
    /// `[D]`: the mean squared deviation of each channel from its mean over all rows of `values [n, D]`.
    ///
    /// Sums run about the first row, in single precision within a block of rows and in double across blocks, so that
    /// channels with a large mean keep their digits. Cost: O(n D).
    package static func variances(of values: TensorBuffer<Float>, channels: Int, workers: Int) -> [Float] {
        let rows = values.count / channels
        let blocks = Rows.blocks(of: rows, size: 128).mapParallel(workers: workers) { block in
            values.withUnsafeBufferPointer { deviationSums(of: block, in: $0, channels: channels) }
        }
        var sums = [Double](repeating: 0, count: channels)
        var squares = sums
        for block in blocks {
            for channel in 0..<channels {
                sums[channel] += Double(block.sums[channel])
                squares[channel] += Double(block.squares[channel])
            }
        }
        return zip(sums, squares).map { sum, square in
            let mean = sum / Double(max(rows, 1))
            return Float(max(0, square / Double(max(rows, 1)) - mean * mean))
        }
    }

    private static func deviationSums(
        of rows: Range<Int>, in values: UnsafeBufferPointer<Float>, channels: Int
    ) -> (sums: [Float], squares: [Float]) {
        var sums = [Float](repeating: 0, count: channels)
        var squares = sums
        guard let origin = values.baseAddress else { return (sums, squares) }
        sums.withUnsafeMutableBufferPointer { sums in
            squares.withUnsafeMutableBufferPointer { squares in
                for row in rows {
                    let token = origin + row * channels
                    for channel in 0..<channels {
                        let deviation = token[channel] - origin[channel]
                        sums[channel] += deviation
                        squares[channel] += deviation * deviation
                    }
                }
            }
        }
        return (sums, squares)
    }
}
