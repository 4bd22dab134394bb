internal import TensorOps
internal import TokenCore

/// Keeps the most salient tokens of each frame and joins the rest around evenly spaced ones.
///
/// Source: VisionZip (Yang et al., CVPR 2025, arXiv 2412.04467). Per frame the tokens of highest saliency stay as
/// they are ("dominant"). Of the n others every `floor(n / contextual)`-th is a target; the rest join the target of
/// highest cosine, which becomes half itself and half their mean.
///
/// Deviations: tokens are compared by their values, where the reference compares the keys of an attention layer. The
/// reference adds target and mean, which doubles the token's length; that sum is formed with `asPublished` only.
///
/// Shapes: `[T, N, D]` to `[count, D]`. The parameters are the counts of one frame as published; under a budget, which
/// all frames share equally, they are a proportion. With `asPublished` each frame's dominant tokens come first.
/// Cost: O(T N contextual D).
struct DominantContextualMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "dominant-contextual", kind: .merge,
        summary: "Keeps each frame's most salient tokens and averages the rest around evenly spaced ones.",
        source: "VisionZip, arXiv 2412.04467",
        parameters: [
            .whole("dominant", 54, in: 0...1_000_000, "Salient tokens a frame; under a budget a proportion."),
            .whole("contextual-tokens", 10, in: 0...1_000_000, "Merged tokens a frame; under a budget a proportion."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N C D) for C merged tokens")

    private let dominant: Int
    private let contextual: Int

    init(_ values: ParameterValues) {
        dominant = values.whole("dominant")
        contextual = values.whole("contextual-tokens")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let frames = input.grid.shape.frames
        let cells = input.grid.shape.tokensPerFrame
        let saliency = input.saliency()
        let shares = Apportionment.share(
            count, among: Array(repeating: 1, count: frames), capacities: Array(repeating: cells, count: frames))
        let rows = try Parallel.map(count: frames, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            let salient = input.asPublished ? min(self.dominant, cells) : self.dominantShare(of: shares[frame])
            let merged = input.asPublished ? min(self.contextual, cells - salient) : shares[frame] - salient
            return self.rows(of: frame, saliency, dominant: salient, contextual: merged, input)
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func dominantShare(of count: Int) -> Int {
        guard dominant + contextual > 0 else { return count }
        return Int((Double(count) * Double(dominant) / Double(dominant + contextual)).rounded())
    }

    private func rows(
        of frame: Int, _ saliency: [Float], dominant: Int, contextual: Int, _ input: ReductionInput
    ) -> [ReductionPlan.Row] {
        let cells = input.grid.shape.tokensPerFrame
        let tokens = frame * cells..<(frame + 1) * cells
        let salient = Ranking.largest(dominant, of: Array(saliency[tokens])).map { tokens.lowerBound + $0 }.sorted()
        let isSalient = Set(salient)
        let others = tokens.filter { !isSalient.contains($0) }
        let rows = salient.map { ReductionPlan.Row(keeping: $0) }
        guard contextual > 0 else { return rows }

        let step = others.count / contextual
        let places = (0..<contextual).map { $0 * step }
        let isTarget = Set(places)
        let targets = places.map { others[$0] }
        let joining = others.indices.filter { !isTarget.contains($0) }.map { others[$0] }
        let matching = BipartiteMatching(Bipartition(sources: joining, destinations: targets), of: input.tokens)
        var members = [[Int]](repeating: [], count: contextual)
        for (token, target) in zip(joining, matching.nearest) { members[target].append(token) }
        return rows + zip(targets, members).map { row(of: $0, $1, input) }
    }

    private func row(of target: Int, _ members: [Int], _ input: ReductionInput) -> ReductionPlan.Row {
        guard !members.isEmpty else { return .init(keeping: target) }
        let weight: Float = input.asPublished ? 1 : 0.5
        return .init(
            anchor: target, sources: [target] + members,
            weights: [weight] + members.map { _ in weight / Float(members.count) })
    }
}
