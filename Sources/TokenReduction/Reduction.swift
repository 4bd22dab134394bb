public import TokenCore

/// What a caller asks of a recipe.
public struct ReductionRequest: Sendable {
    /// How many tokens to keep; exact unless ``asPublished``.
    public var budget: TokenBudget
    /// What to look for, in the space of the tokens or of the grid's patch embeddings, which are taken where both fit;
    /// steers query-guided recipes, and scores the tokens of all.
    public var query: Query?
    /// `[T * H * W]`: how well each source token answers the question, measured elsewhere, such as in a space shared with
    /// text; stands in for the cosine to ``query``.
    public var relevance: [Float]?
    /// Size of the codebook, for recipes that hash; nil leaves it to the recipe.
    public var codebook: CodebookSize?
    /// How the output tokens are ordered.
    public var order = TokenOrder.reading
    /// Leaves every frame the same number of tokens, the largest ``FrameGrid`` within its share of the budget.
    public var isGridPreserving = false
    /// Follows the reference implementation's rounding and quirks instead of the exact count.
    public var asPublished = false
    /// Lets a method whose signal is missing run on its documented substitute.
    public var allowSubstitute = false
    /// Threads to use; never changes a result.
    public var workers = 1
    /// Ends the work early when raised.
    public var cancellation: Cancellation?

    /// Whether something is looked for.
    public var hasQuestion: Bool { query != nil || relevance != nil }

    /// Asks for a number of tokens.
    public init(budget: TokenBudget) { self.budget = budget }

    /// The grid that every frame of `shape` is left with; nil where grids need not be preserved, or have no tokens.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a budget without a token for every frame.
    public func frameGrid(of shape: GridShape) throws(TokenReelError) -> FrameGrid? {
        isGridPreserving && shape.tokenCount > 0 ? try FrameGrid(within: budget, of: shape) : nil
    }

    /// The same with a budget of its own for every frame where grids are preserved, so that all parts of a video get equal
    /// grids.
    package func divided(among shape: GridShape) throws(TokenReelError) -> ReductionRequest {
        var request = self
        if let grid = try frameGrid(of: shape) { request.budget = .perFrame(grid.tokens) }
        return request
    }

    /// The number of tokens that a grid of `shape` is reduced to.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an impossible budget.
    public func count(of shape: GridShape) throws(TokenReelError) -> Int {
        let budgeted = try budget.count(frames: shape.frames, tokensPerFrame: shape.tokensPerFrame)
        return try frameGrid(of: shape).map { $0.tokens * shape.frames } ?? budgeted
    }
}

/// The outcome of a recipe on one grid.
public struct Reduction: Sendable {
    /// The map from source tokens to output tokens, in the order the LLM reads them.
    public let plan: ReductionPlan
    /// The segments that were reduced on their own, in order; they tile the frames.
    public let segments: [Segment]
    /// `[plan.count]`: with a query, the largest cosine of each output token to a query vector; with given relevance, the
    /// weighted mean of its sources'.
    public let relevance: [Float]?
    /// With a hashing recipe, the codes and the codebook.
    public let tokenHash: TokenHash?
    /// `[plan.count]`: with ``TokenOrder/prefix``, how well the first token, the first two, … stand for the sources.
    public let prefixCoverage: [Double]?
    /// The grid that every frame was left with, where grids are preserved.
    public internal(set) var frameGrid: FrameGrid?
    /// Wall-clock seconds of each stage that ran, in order.
    public let stageSeconds: [StageTiming]
    /// What a user should know about how the result came to be, in whole sentences.
    public let notices: [String]
}

extension Reduction {
    /// `[plan.count]`: how much each output token matters: its relevance to the question, else the largest saliency of
    /// its sources, else how many sources it stands for.
    public func importance(in grid: TokenGrid) -> [Float] {
        if let relevance { return relevance }
        guard let saliency = grid.saliency else { return plan.sizes }
        return (0..<plan.count).map { row in
            plan.sources[plan.entries(of: row)].reduce(-Float.infinity) { max($0, saliency[Int($1)]) }
        }
    }
}

/// How long one stage took.
public struct StageTiming: Sendable, Equatable {
    /// `compare`, one of ``StageKind``, `reconcile` or `order`.
    public let stage: String
    /// Wall-clock seconds.
    public let seconds: Double

    /// Names the time that a stage took.
    public init(stage: String, seconds: Double) {
        self.stage = stage
        self.seconds = seconds
    }
}
