package import TokenCore

/// Reduces the committed segments of a stream one after another, each as a grid of its own.
package struct SegmentReducer: Sendable {
    private let recipe: Recipe
    private var budget: RunningBudget
    private var codebooks: StreamHasher

    package init(_ recipe: Recipe, budget: RunningBudget, codebook: StreamCodebook) {
        self.recipe = recipe
        self.budget = budget
        codebooks = StreamHasher(codebook)
    }

    /// The version of the codebook that names the tokens of the last segment; nil while each has its own.
    package var codebookVersion: Int? { codebooks.version == 0 ? nil : codebooks.version }

    /// Reduces the grid of the next segment, which is not segmented again.
    ///
    /// - Throws: What ``Recipe/reduce(_:_:)`` throws.
    package mutating func reduce(_ grid: TokenGrid, _ request: ReductionRequest) throws(TokenReelError) -> Reduction {
        let count = try budget.next(frames: grid.shape.frames)
        let reduction = try recipe.reduce(
            grid, request, count: max(count, min(1, grid.shape.tokenCount)),
            segments: [Segment(start: 0, end: grid.shape.frames)], codebooks: &codebooks)
        // The codes of a segment that gets no tokens are still its own.
        return count > 0 ? reduction : reduction.withoutTokens
    }
}

extension Reduction {
    fileprivate var withoutTokens: Reduction {
        Reduction(
            plan: plan.selecting([]), segments: segments, relevance: relevance.map { _ in [] }, tokenHash: tokenHash,
            prefixCoverage: prefixCoverage.map { _ in [] }, stageSeconds: stageSeconds, notices: notices)
    }
}
