internal import TensorOps
internal import TokenCore

/// Averages neighbouring frames in pairs, cell by cell, again and again.
///
/// Source: the temporal dimension token merging (TDTM) of On-device Sora (Kim et al., arXiv 2502.04363). With `x` the
/// tokens of one cell,
///
///     x'_k = (x_2k + x_2k+1) / 2
///
/// halves the frames; the last of an odd number of frames stays as it is, where the reference drops it. Rounds repeat
/// on their own output while that leaves at least `count` tokens. In the last round only as many pairs merge as the
/// count asks for, those with the highest cosine first.
///
/// Shapes: `[T, N, D]` to `count` rows, but never fewer than the N of one frame. Anchors: the first frame of a run.
/// Cost: O(T N D).
///
/// With `asPublished` there is one round over all pairs, and an odd last frame is dropped.
struct TemporalPairMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "temporal-pairs", kind: .merge,
        summary: "Averages pairs of neighbouring frames, cell by cell, in rounds.",
        source: "TDTM, arXiv 2502.04363", cost: "O(T N D)")

    init(_ values: ParameterValues) {}

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        var frames = ReductionPlan.identity(input.grid.shape.frames)
        if input.asPublished {
            let pairs = Self.pairs(of: frames.count)
            let whole = frames.count > 1 ? Array(0..<frames.count / 2) : [0]
            return frames.composed(with: pairs.selecting(whole)).repeated(forCells: cells)
        }
        while frames.count > 1 {
            let halved = frames.composed(with: Self.pairs(of: frames.count))
            if halved.count * cells < count { break }
            frames = halved
        }
        try input.checkCancellation()
        let tokens = frames.repeated(forCells: cells)
        let surplus = tokens.count - count
        guard surplus > 0, frames.count > 1 else { return tokens }
        return tokens.composed(with: mostAlike(surplus, of: tokens, input))
    }

    /// One round over all pairs; the last of an odd number of frames stands alone.
    private static func pairs(of frames: Int) -> ReductionPlan {
        ReductionPlan(
            sourceCount: frames,
            rows: Rows.blocks(of: frames, size: 2).map { .init(anchor: $0.lowerBound, averaging: Array($0)) })
    }

    /// A last round over the `count` pairs of `tokens` that are most alike.
    private func mostAlike(_ count: Int, of tokens: ReductionPlan, _ input: ReductionInput) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let channels = input.channels
        let values = tokens.isIdentity ? input.grid.values : tokens.applied(to: input.grid.values, channels: channels)
        let pairs = Array(0..<tokens.count / (2 * cells))
        let similarity = pairs.mapParallel(workers: input.workers) { pair -> [Float] in
            values.withRows(2 * pair * cells..<(2 * pair + 1) * cells, channels: channels) { first in
                values.withRows((2 * pair + 1) * cells..<(2 * pair + 2) * cells, channels: channels) { second in
                    Rows.cosines(first, second, channels: channels)
                }
            }
        }.flatMap { $0 }
        var isMerged = [Bool](repeating: false, count: tokens.count)
        let merged = Ranking.largest(count, of: similarity).map { place -> ReductionPlan.Row in
            let first = place / cells * 2 * cells + place % cells
            isMerged[first] = true
            isMerged[first + cells] = true
            return .init(anchor: first, averaging: [first, first + cells])
        }
        let others = isMerged.indices.filter { !isMerged[$0] }
        return ReductionPlan(sourceCount: tokens.count, rows: merged + others.map { .init(keeping: $0) })
            .inReadingOrder()
    }
}
