internal import TensorOps
internal import TokenCore

/// Orthonormal directions, the latest of a growing number.
struct RunningBasis: Sendable {
    private let rank: Int
    private let channels: Int
    /// `[directions, channels]`, at most `rank` of them.
    private var directions: [Float] = []
    /// Where the next direction goes once there are `rank`: over the oldest.
    private var oldest = 0

    /// A residual below this share of a token's length is rounding, not news.
    private static let leastResidual: Float = 1e-3

    init(rank: Int, channels: Int) {
        self.rank = rank
        self.channels = channels
    }

    private var count: Int { directions.count / channels }

    /// The `count` unit tokens that are most novel one after another, as far as their novelty is above `least`; extends
    /// the basis by them.
    mutating func mostNovel(
        _ count: Int, of tokens: TensorBuffer<Float>, above least: Float = -.infinity
    ) -> [(row: Int, novelty: Float)] {
        tokens.withUnsafeBufferPointer { tokens in
            let rows = tokens.count / channels
            let products = directions.withUnsafeBufferPointer {
                Matrix.products(tokens, rows: rows, $0, rows: self.count, channels: channels)
            }
            var novelty = (0..<rows).map { row -> Float in
                let token = Self.row(row, of: tokens, channels)
                let known = products[row * self.count..<(row + 1) * self.count].reduce(0) { $0 + $1 * $1 }
                // A whole number, so that rounding is not mistaken for news.
                return (Rows.dot(token, token) > 0 ? 1 : 0) - known
            }
            var chosen: [(row: Int, novelty: Float)] = []
            while chosen.count < count {
                let best = novelty.withUnsafeBufferPointer { Rows.indexOfMaximum($0) }
                guard novelty[best] > least else { break }
                chosen.append((best, novelty[best]))
                if let direction = extend(by: Self.row(best, of: tokens, channels)) {
                    direction.withUnsafeBufferPointer { direction in
                        for row in novelty.indices {
                            let shared = Rows.dot(Self.row(row, of: tokens, channels), direction)
                            novelty[row] -= shared * shared
                        }
                    }
                }
                novelty[best] = -.infinity
            }
            return chosen
        }
    }

    /// Adds what is new in a unit token; nil if nothing is.
    private mutating func extend(by token: UnsafeBufferPointer<Float>) -> [Float]? {
        var residual = Array(token)
        var length: Float = 1
        var before: Float = 2
        // What is left of a token nearly inside the basis needs another pass to become orthogonal to it.
        while length < 0.7 * before {
            subtractProjection(from: &residual)
            before = length
            length = residual.withUnsafeBufferPointer { Rows.dot($0, $0) }.squareRoot()
            guard length > Self.leastResidual else { return nil }
        }
        let direction = residual.map { $0 / length }
        if count < rank {
            directions += direction
        } else {
            directions.replaceSubrange(oldest * channels..<(oldest + 1) * channels, with: direction)
            oldest = (oldest + 1) % rank
        }
        return direction
    }

    private func subtractProjection(from vector: inout [Float]) {
        directions.withUnsafeBufferPointer { directions in
            // All shares are of the same vector, so that the order of directions does not matter.
            let shares = vector.withUnsafeBufferPointer { vector in
                (0..<count).map { Rows.dot(vector, Self.row($0, of: directions, channels)) }
            }
            vector.withUnsafeMutableBufferPointer { vector in
                for (index, share) in shares.enumerated() {
                    Rows.add(Self.row(index, of: directions, channels), scale: -share, to: vector)
                }
            }
        }
    }

    private static func row(
        _ index: Int, of values: UnsafeBufferPointer<Float>, _ channels: Int
    ) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(rebasing: values[index * channels..<(index + 1) * channels])
    }
}
