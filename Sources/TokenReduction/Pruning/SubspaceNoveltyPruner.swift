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
            kept += basis.mostNovel(share, of: Rows.normalized(values, channels: input.channels)).map { tokens[$0.row] }
        }
        return kept.sorted()
    }
}
