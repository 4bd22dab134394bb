internal import TensorOps
internal import TokenCore

/// Query-conditioned diversity: keeps, frame by frame, tokens that answer the query and differ from each other.
///
/// Source: CDPruner (NeurIPS 2025, arXiv 2506.10967). A determinantal point process over the tokens of a frame with the
/// kernel `L_ij = r_i cos(x_i, x_j) r_j`, where the relevance r is
///
///     r = (s - min s + 1e-6) / (max s - min s),   s_i = mean over m of -cos(e_i, q_m)
///
/// over patch embeddings e and query vectors q, with the least and greatest s of the whole clip. The minus is the
/// paper's: in CLIP the patches that show a thing are the least alike to its name. Where patch embeddings are missing,
/// relevance is the plain cosine to the query in the space of the tokens, or what was measured elsewhere.
///
/// Shapes: `[T, N, D]`, `[T, N, E]`, `[M, E]` to `[count, D]`, in raster order; every frame keeps the same number.
/// Cost: O(T (N^2 D + N k^2)) for k tokens a frame.
///
/// Deviation: once the chosen tokens span the rest of a frame the reference divides by zero; here the choice ends
/// and the reconciling step fills the budget.
struct DeterminantalPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "determinantal", kind: .prune,
        summary: "Keeps tokens that answer the query and differ from each other, by a determinantal point process.",
        source: "CDPruner, arXiv 2506.10967",
        needs: [.query, .patchEmbeddings],
        substitutes: [.patchEmbeddings: "the cosine to the query in the space of the tokens"],
        cost: "O(T N^2 D + T N k^2) for k tokens a frame")

    init(_ values: ParameterValues) {}

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let frames = CandidateFrames(candidates, of: input)
        let quality = quality(of: candidates, input)
        let shares = frames.equalShares(of: count)
        return try Parallel.map(
            count: shares.count, workers: input.workers
        ) { frame throws(TokenReelError) -> [Int] in
            try input.checkCancellation()
            let tokens = frames.members[frame]
            return DeterminantalPointProcess.greedyChoice(
                shares[frame], similarity: frames.cosines(among: tokens), quality: tokens.map { quality[$0] }
            ).map { tokens[$0] }
        }.flatMap { $0 }.sorted()
    }

    /// How relevant each candidate is, from just above 0 to 1; all alike where they differ by rounding only.
    private func quality(of candidates: CandidateTokens, _ input: ReductionInput) -> [Float] {
        let scores = scores(of: candidates, input)
        let least = scores.min() ?? 0
        let range = (scores.max() ?? 0) - least
        return scores.map { range > Self.margin ? ($0 - least + Self.margin) / range : 1 }
    }

    /// What the least relevant candidate is left with, so that it may still be chosen.
    private static let margin: Float = 1e-6

    private func scores(of candidates: CandidateTokens, _ input: ReductionInput) -> [Float] {
        let plan = candidates.plan
        if let query = input.query, let embeddings = input.grid.patchEmbeddings,
            query.channels == input.grid.patchEmbeddingChannels
        {
            return plan.applied(
                to: QueryRelevance.means(of: embeddings, for: query, workers: input.workers).map { -$0 })
        }
        if let relevance = input.relevance { return plan.applied(to: relevance) }
        return input.query.map { QueryRelevance.means(of: candidates.values, for: $0, workers: input.workers) }
            ?? Array(repeating: 0, count: plan.count)
    }
}

extension QueryRelevance {
    /// `[rows]`: the mean cosine of each row to all query vectors; 0 for a zero vector.
    ///
    /// The mean of cosines is the cosine to no vector, but the dot product with the mean of the unit query vectors.
    static func means(of values: TensorBuffer<Float>, for query: Query, workers: Int) -> [Float] {
        let channels = query.channels
        let units = Rows.normalized(TensorBuffer(query.vectors), channels: channels)
        let mean = ReductionPlan(
            sourceCount: query.count, rows: [.init(anchor: 0, averaging: Array(0..<query.count))]
        ).applied(to: units, channels: channels)
        return Rows.blocks(of: values.count / channels, size: 512).mapParallel(workers: workers) { block -> [Float] in
            mean.withUnsafeBufferPointer { mean in
                block.map { row in
                    values.withRows(row..<row + 1, channels: channels) { token in
                        let length = Rows.dot(token, token).squareRoot()
                        return length > 0 ? Rows.dot(token, mean) / length : 0
                    }
                }
            }
        }.flatMap { $0 }
    }
}
