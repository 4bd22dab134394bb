internal import TensorOps
internal import TokenCore

/// Keeps from each frame what can't be composed of what was kept before.
///
/// Source: the idea of PVC (Yang et al., CVPR 2025, arXiv 2412.09613), that each frame should add only what earlier
/// ones missed; the paper trains a tower for it. Here, with Q an orthonormal basis of the kept tokens,
///
///     novelty_j = |x_j - Q Q^T x_j|^2 / |x_j|^2
///
/// Frame by frame the most novel token is kept, Q is extended by it (Gram-Schmidt), and again, until the frame has its
/// share; ties go to the earlier token. Q holds the latest `rank` directions, and at most half as many as there are
/// channels: a basis of the whole space would find nothing new.
///
/// Shapes: candidates `[C, D]` to `count` indices, every frame with an equal share. Cost: O(C rank D).
///
/// With `asPublished` all frames keep the same number, count / T rounded down.
struct SubspaceNoveltyPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "subspace-novelty", kind: .prune,
        summary: "Keeps from each frame what is no combination of what was kept before.",
        source: "PVC, arXiv 2412.09613",
        parameters: [.whole("rank", 256, in: 1...4096, "Directions of kept tokens that are remembered.")],
        cost: "O(C rank D) for C candidates")

    private let rank: Int

    init(_ values: ParameterValues) { rank = values.whole("rank") }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let shape = input.grid.shape
        var members = [[Int]](repeating: [], count: shape.frames)
        for (candidate, anchor) in candidates.plan.anchors.enumerated() {
            members[Int(anchor) / shape.tokensPerFrame].append(candidate)
        }
        let shares =
            input.asPublished
            ? members.map { min(max(count / shape.frames, 1), $0.count) }
            : Apportionment.share(count, among: members.map { _ in 1 }, capacities: members.map(\.count))
        var basis = RunningBasis(rank: min(rank, max(input.channels / 2, 1)), channels: input.channels)
        var kept: [Int] = []
        for (tokens, share) in zip(members, shares) where share > 0 {
            try input.checkCancellation()
            let values = candidates.values.gathering(tokens, channels: input.channels)
            kept += basis.mostNovel(share, of: Rows.normalized(values, channels: input.channels)).map { tokens[$0] }
        }
        return kept.sorted()
    }
}

/// Orthonormal directions, the latest of a growing number.
private struct RunningBasis {
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

    /// The places of the `count` unit tokens that are most novel one after another; extends the basis by them.
    mutating func mostNovel(_ count: Int, of tokens: TensorBuffer<Float>) -> [Int] {
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
            return (0..<count).map { _ in
                let best = novelty.withUnsafeBufferPointer { Rows.indexOfMaximum($0) }
                if let direction = extend(by: Self.row(best, of: tokens, channels)) {
                    direction.withUnsafeBufferPointer { direction in
                        for row in novelty.indices {
                            let shared = Rows.dot(Self.row(row, of: tokens, channels), direction)
                            novelty[row] -= shared * shared
                        }
                    }
                }
                novelty[best] = -.infinity
                return best
            }
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
