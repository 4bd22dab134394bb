internal import TokenCore

/// Differential token drop: a token goes if it is too much like the same cell of the frame before.
///
/// Source: DTD of TimeChat-Online (ACM MM 2025, arXiv 2504.17343). The first frame stays whole. In later frames a token
/// is dropped
///
///     absolute: if cos(x[t, n], x[t-1, n]) > threshold
///     relative: if it is one of the floor(N threshold) most similar of its frame
///
/// Over pixels the place of the cosine takes minus the mean difference of the pixels under the token, in 0...1, and a
/// token is dropped below the threshold. The comparison is always with the whole frame before, whatever it kept.
///
/// Shapes: `[T, N, D]` to `[count, D]`, in raster order. Cost: O(T N D).
///
/// The reference lets the threshold decide how many stay, and so does `asPublished`. Otherwise frames share the budget
/// in proportion to what the threshold would leave them, each keeping what changed most, and a first frame that does
/// not fit whole is sampled evenly; a budget that the threshold does not use up goes to what changed most of the rest.
struct TemporalDropPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "temporal-drop", kind: .prune,
        summary: "Drops tokens that are like the same cell of the frame before; the first frame stays whole.",
        source: "DTD of TimeChat-Online, arXiv 2504.17343",
        parameters: [
            .real("threshold", 0.5, in: 0...1, "Most similarity a token may have, or least change, or share to drop."),
            .flag("relative", false, "1 drops the same share of every frame."),
            .choice("compare", among: Comparison.allCases.map(\.rawValue), "What is compared: tokens or pixels."),
        ],
        cost: "O(T N D)")

    private enum Comparison: String, CaseIterable { case tokens, pixels }

    var needs: Set<Signal> { comparison == .pixels ? [.pixelChange] : [] }

    private let threshold: Double
    private let isRelative: Bool
    private let comparison: Comparison

    init(_ values: ParameterValues) {
        threshold = values.real("threshold")
        isRelative = values.flag("relative")
        comparison = values.choice("compare", as: Comparison.self)
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        let similarity = similarity(of: candidates, input)
        let frames = CandidateFrames(candidates, of: input)
        let isFirst = frames.members.map { Int(candidates.plan.anchors[$0[0]]) < cells }
        let changed = zip(frames.members, isFirst).map { tokens, isFirst in
            isFirst ? tokens : self.changed(tokens, similarity)
        }
        let capacities = changed.map(\.count)
        if input.asPublished { return changed.flatMap { $0 }.sorted() }
        if capacities.reduce(0, +) < count {
            var order = similarity
            for token in changed.joined() { order[token] = -.infinity }
            return Ranking.smallest(count, of: order).sorted()
        }
        let shares = Apportionment.share(count, among: capacities.map(Double.init), capacities: capacities)
        return changed.indices.flatMap { frame in
            let tokens = changed[frame]
            return isFirst[frame]
                ? (0..<shares[frame]).map { tokens[$0 * tokens.count / shares[frame]] }
                : Ranking.smallest(shares[frame], of: tokens.map { similarity[$0] }).map { tokens[$0] }
        }.sorted()
    }

    /// The tokens of a frame that the threshold leaves.
    private func changed(_ tokens: [Int], _ similarity: [Float]) -> [Int] {
        if isRelative {
            let kept = tokens.count - Int(Double(tokens.count) * threshold)
            return Ranking.smallest(kept, of: tokens.map { similarity[$0] }).map { tokens[$0] }
        }
        let limit = Float(comparison == .pixels ? -threshold : threshold)
        return tokens.filter { similarity[$0] <= limit }
    }

    /// How alike each candidate's place is to the frame before; nothing is like what comes before the first frame.
    private func similarity(of candidates: CandidateTokens, _ input: ReductionInput) -> [Float] {
        let cells = input.grid.shape.tokensPerFrame
        let pixels = comparison == .pixels ? input.layers(of: .pixelChange)?.first : nil
        return candidates.plan.anchors.map { anchor in
            let token = Int(anchor)
            if token < cells { return -.infinity }
            return pixels.map { -$0[token] * Self.meanDeviation } ?? input.temporalSimilarity.values[token - cells]
        }
    }

    /// The mean standard deviation of pixels by which pictures are normalised: it turns the map's units into 0...1.
    private static let meanDeviation: Float = 0.226
}
