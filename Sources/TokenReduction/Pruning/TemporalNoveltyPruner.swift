internal import TokenCore

/// Efficient Video Sampling: keeps the tokens that differ most from the same cell one frame before.
///
/// Source: EVS (NVIDIA, arXiv 2510.14624), as vLLM's `evs.py` defines it. With `u[t, n] = 1 - cos(x[t, n], x[t-1, n])`
/// and everything in the first frame new, the tokens of largest u are kept, ties to the earlier token.
///
/// Shapes: `[T, N, D]` to `[count, D]`, in raster order. The comparison is always with the original previous frame.
/// With `asPublished` the count is `max(N, floor(T N R))`: the first frame always stays whole. Cost: O(T N D).
struct TemporalNoveltyPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "temporal-novelty", kind: .prune,
        summary: "Keeps the tokens that changed most since the frame before.",
        source: "EVS, arXiv 2510.14624", cost: "O(T N D)")

    init(_ values: ParameterValues) {}

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        let novelty = candidates.plan.anchors.map { anchor -> Float in
            let token = Int(anchor)
            // Cosine distance is at most 2, so anything above that marks the first frame as new.
            return token < cells ? 255 : 1 - input.temporalSimilarity.values[token - cells]
        }
        return Ranking.largest(input.asPublished ? publishedCount(input, count) : count, of: novelty).sorted()
    }

    private func publishedCount(_ input: ReductionInput, _ count: Int) -> Int {
        let shape = input.grid.shape
        let kept = input.publishedRatio.map { Int(Double(shape.tokenCount) * $0) } ?? count
        return max(shape.tokensPerFrame, kept)
    }
}
