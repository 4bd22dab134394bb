internal import TensorOps
internal import TokenCore

/// Drops tokens that neither the question as a whole nor any word of it looks at, but never those the tower looks at.
///
/// Source: MustDrop (Liu et al., arXiv 2411.10803), key tokens and dual-attention filtering. In every frame the share
/// `key-share` of tokens with the highest class attention, rounded up, is kept whatever is asked. Of the others, with
/// `A` the attention of each word over all tokens, the reference drops token j if and only if
///
///     sum over words of A_wj < global * sum of A     and     max over words of A_wj < individual
///
/// inside the language model. Before it `A` is the softmax over tokens of `cos(word, token) / temperature`, so the sum
/// of A is the number of words. The rule is the same as dropping where
///
///     max(sum of A_wj / (global * words), max of A_wj / individual) < 1
///
/// and to meet a count the tokens with the largest such figure stay, ties to the earlier. If there are more key tokens
/// than that, those with the highest class attention stay. Relevance that was measured elsewhere counts as one word.
///
/// Shapes: candidates `[C, D]` and words `[M, D]` to `count` indices. Cost: O(C M D + C log C).
///
/// With `asPublished` the two thresholds decide how many stay.
struct DualFilterPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "dual-filter", kind: .prune,
        summary: "Keeps what the class token attends to most, then what the question or one of its words looks at.",
        source: "MustDrop, arXiv 2411.10803",
        parameters: [
            .real("key-share", 0.08, in: 0...1, "Share of each frame's tokens that class attention alone protects."),
            .real("global", 0.001, in: 1e-6...1, "Share of all attention that a token needs from the whole question."),
            .real("individual", 0.001, in: 1e-6...1, "Share of one word's attention that a token needs."),
            .real("temperature", 0.1, in: 0.001...100, "Smaller makes words look at fewer tokens."),
        ],
        needs: [.query, .classAttention],
        substitutes: [.classAttention: "the attention that each token receives or spatial distinctiveness"],
        cost: "O(C M D) for C candidates, M query vectors")

    var needs: Set<Signal> { keyShare > 0 ? [.query, .classAttention] : [.query] }

    private let keyShare: Double
    private let global: Float
    private let individual: Float
    private let temperature: Float

    init(_ values: ParameterValues) {
        keyShare = values.real("key-share")
        global = Float(values.real("global"))
        individual = Float(values.real("individual"))
        temperature = Float(values.real("temperature"))
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let keys = keyTokens(of: candidates, input)
        let attention = words(candidates, input).map { Softmax.weights(of: $0, temperature: temperature) }
        let figures = (0..<candidates.plan.count).map { token -> Float in
            let received = attention.map { $0[token] }
            return max(received.reduce(0, +) / (global * Float(received.count)), (received.max() ?? 0) / individual)
        }
        let others = figures.indices.filter { keys[$0] == nil }
        if input.asPublished { return (keys.keys + others.filter { figures[$0] >= 1 }).sorted() }
        // Key tokens come before all others, and among themselves by the attention they receive.
        let ascending = keys.keys.sorted()
        let kept = Ranking.largest(count, of: ascending.map { keys[$0] ?? 0 }).map { ascending[$0] }
        return (kept + Ranking.largest(count - kept.count, of: others.map { figures[$0] }).map { others[$0] }).sorted()
    }

    /// The key tokens of every frame with their class attention.
    private func keyTokens(of candidates: CandidateTokens, _ input: ReductionInput) -> [Int: Float] {
        guard keyShare > 0 else { return [:] }
        // The last layer of the map is the deepest.
        let map = input.grid.maps[.classAttention]?.values.suffix(input.grid.shape.tokenCount)
        let attention = candidates.plan.applied(to: map.map(Array.init) ?? input.saliency())
        let frames = Dictionary(grouping: attention.indices) {
            Int(candidates.plan.anchors[$0]) / input.grid.shape.tokensPerFrame
        }
        var keys: [Int: Float] = [:]
        for members in frames.values {
            let share = Int((keyShare * Double(members.count)).rounded(.up))
            for place in Ranking.largest(share, of: members.map { attention[$0] }) {
                keys[members[place]] = attention[members[place]]
            }
        }
        return keys
    }

    /// For each word its cosine to every candidate.
    private func words(_ candidates: CandidateTokens, _ input: ReductionInput) -> [[Float]] {
        if let relevance = input.relevance { return [candidates.plan.applied(to: relevance)] }
        guard let query = input.query else { return [] }
        let cosines = QueryRelevance.cosines(of: candidates.values, for: query, workers: input.workers)
        return (0..<query.count).map { word in
            stride(from: word, to: cosines.count, by: query.count).map { cosines[$0] }
        }
    }
}
