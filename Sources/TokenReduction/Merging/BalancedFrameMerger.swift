internal import TensorOps
internal import TokenCore

/// Balanced tokens (B-VLLM): fewer frames, each with more of the budget.
///
/// Source: B-VLLM (Lu et al., ICCV 2025, arXiv 2412.09919), section 3. With a question the frames that answer it best
/// are chosen; a frame that looks like an earlier one, (cos + 1) / 2 above a threshold, is averaged with it cell by
/// cell; the budget is divided equally among the frames left, and ToMe halves each until it has its share.
///
/// The reference chooses by learnt queries; here a frame is as relevant as its most relevant token. Frames are
/// compared by their frame features, or where the grid has none by the mean of their tokens. A frame joins the
/// earliest frame that its chain of similar frames leads to. With `asPublished` two quirks are kept: a frame whose
/// partner itself joins another is lost, and a merged token counts once in the next average; each frame gets max(1,
/// int(count / frames)).
///
/// Shapes: `[T, N, D]` to exactly `count` rows. Cost: O(T^2 F + T N^2 D).
struct BalancedFrameMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "balanced-frames", kind: .merge,
        summary: "Chooses frames by the query, joins frames that look the same, and merges within those left.",
        source: "B-VLLM, arXiv 2412.09919, section 3",
        parameters: [
            .whole("frames", 16, in: 1...1_000_000, "Frames chosen where there is a query, if they suffice."),
            .real(
                "duplicates", 0.75, in: 0...1, "Likeness, (cosine + 1) / 2, above which a frame joins an earlier one."),
        ], cost: "O(T^2 F + T N^2 D) for frame features of F numbers", readsQuery: true)

    private let limit: Int
    private let threshold: Float

    init(_ values: ParameterValues) {
        limit = values.whole("frames")
        threshold = Float(values.real("duplicates"))
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        // Frames that are left out can't fill a budget they are needed for.
        let frames = Self.chosenFrames(of: input, limit: max(limit, (count + cells - 1) / cells))
        try input.checkCancellation()
        let groups = Self.groups(of: Self.partners(of: frames, input, above: threshold), asPublished: input.asPublished)
        let shares = Apportionment.share(
            count, among: groups.map { _ in 1 }, capacities: groups.map { _ in cells })
        let published = max(1, count / groups.count)
        let rule = MergeRule(weighting: input.asPublished ? .plain : .size)
        let plans = try Parallel.map(count: groups.count, workers: input.workers) {
            index throws(TokenReelError) -> ReductionPlan in
            let members = groups[index].map { frames[$0] }
            let rows = (0..<cells).map { cell in
                ReductionPlan.Row(anchor: members[0] * cells + cell, averaging: members.map { $0 * cells + cell })
            }
            var sequence = MergeSequence(
                ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows), of: input)
            if input.asPublished {
                while sequence.count / 2 > published { try sequence.merge(sequence.count / 2, rule) }
                try sequence.merge(sequence.count - published, rule)
            } else {
                try sequence.reduce(to: shares[index], rule)
            }
            return sequence.plan
        }
        return ReductionPlan(concatenating: plans, sourceCount: input.grid.shape.tokenCount)
    }

    /// The frames that answer the question best, in time order; all without a question.
    private static func chosenFrames(of input: ReductionInput, limit: Int) -> [Int] {
        guard let relevance = input.frameRelevance() else { return Array(0..<input.grid.shape.frames) }
        return Ranking.largest(limit, of: relevance).sorted()
    }

    /// For each frame the earlier one that is most alike, if alike enough.
    private static func partners(of frames: [Int], _ input: ReductionInput, above threshold: Float) -> [Int?] {
        let (features, width) = frameVectors(frames, input)
        let units = Rows.normalized(features, channels: width, workers: input.workers)
        return Rows.blocks(of: frames.count, size: 256).mapParallel(workers: input.workers) { block -> [Int?] in
            let products = units.withRows(0..<block.upperBound, channels: width) { earlier in
                units.withRows(block, channels: width) {
                    Matrix.products($0, rows: block.count, earlier, rows: block.upperBound, channels: width)
                }
            }
            return block.map { frame -> Int? in
                guard frame > 0 else { return nil }
                let row = (frame - block.lowerBound) * block.upperBound
                return products[row..<row + frame].withUnsafeBufferPointer { similarity in
                    let partner = Rows.indexOfMaximum(similarity)
                    // Rounding must not lift equal frames above a likeness of 1.
                    return min((similarity[partner] + 1) / 2, 1) > threshold ? partner : nil
                }
            }
        }.flatMap { $0 }
    }

    private static func frameVectors(_ frames: [Int], _ input: ReductionInput) -> (TensorBuffer<Float>, width: Int) {
        let cells = input.grid.shape.tokensPerFrame
        if let features = input.grid.frameFeatures, !features.isEmpty {
            let width = features.count / input.grid.shape.frames
            return (TensorBuffer(features).gathering(frames, channels: width), width)
        }
        let means = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount,
            rows: frames.map { .init(anchor: $0 * cells, averaging: Array($0 * cells..<($0 + 1) * cells)) })
        return (means.applied(to: input.grid.values, channels: input.channels), input.channels)
    }

    /// Frames that become one, the earliest of each group first.
    private static func groups(of partners: [Int?], asPublished: Bool) -> [[Int]] {
        var root = Array(partners.indices)
        for (frame, partner) in partners.enumerated() {
            guard let partner else { continue }
            root[frame] = asPublished ? partner : root[partner]
        }
        var groups = [[Int]](repeating: [], count: root.count)
        for frame in root.indices { groups[root[frame]].append(frame) }
        return groups.indices.filter { partners[$0] == nil }.map { groups[$0] }
    }
}
