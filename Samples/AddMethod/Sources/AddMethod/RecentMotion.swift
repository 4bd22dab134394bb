import TokenReel

/// Keeps the tokens of cells in which something moved a moment ago, not just now.
///
/// With `u[t] = 1 - cos(x[t], x[t - 1])`, how much a cell changed since the frame before, a token's score is
/// `s[t] = u[t] + persistence * s[t - 1]`, and everything in the first frame is new. Shapes: `[T, N, D]` to `[count, D]`.
/// Cost: O(T N), as the similarities of frames are there already.
struct RecentMotion: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "recent-motion", kind: .prune, summary: "Keeps tokens where something moved a moment ago.",
        source: "an example",
        parameters: [.real("persistence", 0.5, in: 0...1, "How much of a cell's score lasts to the next frame.")],
        cost: "O(T N)")
    private let persistence: Float

    init(_ values: ParameterValues) { persistence = Float(values.real("persistence")) }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        var scores = [Float](repeating: 2, count: input.grid.shape.tokenCount)
        for token in scores.indices.dropFirst(cells) {
            scores[token] = 1 - input.temporalSimilarity.values[token - cells] + persistence * scores[token - cells]
        }
        // A candidate is where its anchor is. Ranking decides ties by place, so that results never depend on the sort.
        return Ranking.largest(count, of: candidates.plan.anchors.map { scores[Int($0)] }).sorted()
    }
}

extension RecipeDescriptor {
    /// The method alone.
    static let recentMotion = RecipeDescriptor(
        "recent-motion", "Keeps tokens where something moved a moment ago; nothing is merged.", source: "an example",
        pruner: RecentMotion.self)
}
