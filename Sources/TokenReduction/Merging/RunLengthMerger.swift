internal import TokenCore

/// Run-length tokenization: a cell whose pixels stay the same is one token for as long as they do.
///
/// Source: RLT (NeurIPS 2024, arXiv 2411.05222), which leaves the other tokens out before the tower reads them. A run
/// of a cell ends where the pixels under it change by more than the threshold; its first token stands for all of it, as
/// it is, and the token's size is the length of the run.
///
/// Shapes: changes `[T, N]` to rows of a run's tokens, all but the first with weight 0; in reading order. Cost: O(T N).
///
/// The reference lets the threshold decide how many runs there are, and so does `asPublished`. Otherwise a budget below
/// that joins the runs that the least change began, down to one for each cell, and what a larger budget leaves is
/// left to the reconciling step.
struct RunLengthMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "run-length", kind: .merge,
        summary: "Keeps the first token of every run of unchanged pixels, standing for the whole run.",
        source: "RLT, arXiv 2411.05222",
        parameters: [
            .real(
                "threshold", 0.1, in: 0...10,
                "A run ends where the pixels change by more than this, in units of the normalised picture.")
        ],
        needs: [.pixelChange],
        substitutes: [.pixelChange: "the cosine distance of each token to the frame before"], cost: "O(T N)")

    private let threshold: Float

    init(_ values: ParameterValues) { threshold = Float(values.real("threshold")) }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        try input.checkCancellation()
        let cells = input.grid.shape.tokensPerFrame
        let changes =
            input.layers(of: .pixelChange)?.first
            ?? Array(repeating: 1, count: cells) + input.temporalSimilarity.values.map { 1 - $0 }
        var runs = RunLengths(changes: changes, cells: cells, threshold: threshold)
        if !input.asPublished { runs.join(to: count, changes: changes) }
        let rows = runs.tokens.map { token -> ReductionPlan.Row in
            let run = runs.run(from: token)
            return .init(anchor: token, sources: run, weights: run.map { $0 == token ? 1 : 0 })
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows)
    }
}
