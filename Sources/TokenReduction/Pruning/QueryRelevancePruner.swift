internal import TensorOps
internal import TokenCore

/// Query-guided pruning: keeps the tokens most relevant to the query, with a budget shared exactly among frames.
///
/// Relevance is the largest cosine to any query vector. Frames share the budget by the attention the query pays them:
/// with `p = softmax(relevance / temperature)` over all candidates of the clip, frame f gets
///
///     count * ((1 - spread) * sum of p in f + spread / frames)
///
/// by largest remainder, never more than it has; what a full frame can't take goes to the others. Within a frame the
/// most relevant stay, ties to the earlier token. Frame budgets from frame relevance are QuoTA's idea, which asks
/// an LLM for the scores; scoring tokens by cosine is CLIP's use of a joint space (Radford et al. 2021).
///
/// Shapes: candidates `[C, D]` and query `[M, D]` to `count` indices. Cost: O(C M D + C log C).
struct QueryRelevancePruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "query-relevance", kind: .prune,
        summary: "Keeps the tokens most alike to the query, sharing the budget among frames by their relevance.",
        source: "Cosine in a joint space (CLIP, arXiv 2103.00020), frame budgets by relevance (QuoTA)",
        parameters: [
            .real("temperature", 0.1, in: 0.001...100, "Smaller gives more of the budget to the most relevant frames."),
            .real("spread", 0.1, in: 0...1, "Share of the budget that all frames divide equally."),
        ],
        needs: [.query], cost: "O(C M D) for C candidates, M query vectors")

    private let temperature: Float
    private let spread: Double

    init(_ values: ParameterValues) {
        temperature = Float(values.real("temperature"))
        spread = values.real("spread")
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        guard let relevance = input.relevance(of: candidates.plan, values: candidates.values) else {
            return Array(0..<candidates.plan.count)
        }
        let frames = candidates.plan.anchors.map { Int($0) / input.grid.shape.tokensPerFrame }
        var members = [[Int]](repeating: [], count: input.grid.shape.frames)
        for (candidate, frame) in frames.enumerated() { members[frame].append(candidate) }
        members.removeAll(where: \.isEmpty)

        let highest = relevance.max() ?? 0
        let mass = members.map { tokens in
            tokens.reduce(0.0) { $0 + Double(Elementary.exp((relevance[$1] - highest) / temperature)) }
        }
        let total = mass.reduce(0, +)
        let weights = mass.map { (1 - spread) * $0 / total + spread / Double(members.count) }
        let shares = Apportionment.share(count, among: weights, capacities: members.map(\.count))
        return zip(members, shares).flatMap { tokens, share in
            Ranking.largest(share, of: tokens.map { relevance[$0] }).map { tokens[$0] }
        }.sorted()
    }
}
