public import TokenCore
public import TokenReduction

/// Methods side by side: one grid, reduced by each to each budget.
///
/// ```swift
/// let pipeline = try Pipeline()
/// let comparison = try pipeline.compare(OpenInput(.file("clip.mp4")), budgets: [.ratio(0.1)])
/// for entry in comparison.entries { print(entry.method, entry.quality.coverage) }
/// ```
public struct Comparison: Sendable {
    /// What one method made of the grid with one budget.
    public struct Entry: Sendable {
        /// The name of the recipe.
        public let method: String
        /// What was asked for.
        public let budget: TokenBudget
        /// Number of tokens kept.
        public let tokens: Int
        /// How well they stand for the grid.
        public let quality: ReductionQuality
        /// Wall-clock seconds that the method took, without decoding, encoding and measuring.
        public let seconds: Double
        /// The most memory that the process held while the method worked, the grid included; of the process so far where
        /// the system can't count anew.
        public let peakMemoryBytes: Int
        /// Signals that the method needs and the grid lacks, so that its documented substitutes stood in.
        public let substituted: [Signal]
    }

    /// A method that gave nothing.
    public struct Omission: Sendable {
        /// The name of the recipe.
        public let method: String
        /// The budgets it was to meet.
        public let budgets: [TokenBudget]
        /// Why not.
        public let error: TokenReelError
        /// Whether the method can't work on this grid, rather than failed at it.
        public var isSkipped: Bool { error.code == .missingSignal }
    }

    /// How to call the input.
    public let input: String
    /// The grid that was reduced.
    public let shape: GridShape
    /// The model whose prefill is counted.
    public let languageModel: LanguageModel
    /// By budget in the order asked for, then by coverage, the best first.
    public let entries: [Entry]
    /// Methods without a result, in the order asked for.
    public let omissions: [Omission]

    /// The entries of each budget, the best coverage first.
    public var entriesByBudget: [(budget: TokenBudget, entries: ArraySlice<Entry>)] {
        var groups: [(TokenBudget, ArraySlice<Entry>)] = []
        var start = entries.startIndex
        while start < entries.endIndex {
            let budget = entries[start].budget
            let end = entries[start...].firstIndex { $0.budget != budget } ?? entries.endIndex
            groups.append((budget, entries[start..<end]))
            start = end
        }
        return groups
    }

    /// Operations of prefill for a number of tokens as a share of those for the whole grid.
    public func prefillShare(_ tokens: Int, by formula: LanguageModel.PrefillFormula) -> Double {
        let whole = languageModel.prefillFLOPs(shape.tokenCount, by: formula)
        return whole == 0 ? 0 : languageModel.prefillFLOPs(tokens, by: formula) / whole
    }
}

/// How far a comparison has come.
public struct ComparisonProgress: Sendable {
    /// The method that works.
    public let method: String
    /// What it was asked for.
    public let budget: TokenBudget
    /// Reductions done before this one.
    public let done: Int
    /// Reductions there will be.
    public let total: Int
}

extension Pipeline {
    /// Encodes the input once and reduces it by every method to every budget.
    ///
    /// A method that can't work on the input, or fails, is left out and named. Each has its default parameters;
    /// ``method``, ``parameters`` and the request's budget are not used.
    ///
    /// - Parameters:
    ///   - input: What is encoded.
    ///   - methods: Names of recipes; nil for all there are.
    ///   - budgets: At least one.
    ///   - languageModel: The model whose prefill is counted.
    ///   - encoding: Told about the decoding of the input.
    ///   - reducing: Told before each reduction; called on this thread.
    /// - Throws: What ``encode(_:progress:)`` throws; ``TokenReelError/Code/invalidArgument`` for an unknown method or an
    ///   impossible budget; ``TokenReelError/Code/cancelled``.
    public func compare(
        _ input: OpenInput, methods: [String]? = nil, budgets: [TokenBudget],
        languageModel: LanguageModel = LanguageModel.qwen2[1], encoding: ProgressHandler? = nil,
        reducing: ((ComparisonProgress) -> Void)? = nil
    ) throws(TokenReelError) -> Comparison {
        guard !budgets.isEmpty else {
            throw TokenReelError(.invalidArgument, subject: "budgets", found: "none", allowed: "one or more")
        }
        for budget in budgets { _ = try budget.count(frames: 1, tokensPerFrame: 1) }
        var compared: [Recipe] = []
        for name in methods ?? recipes.map(\.name) {
            compared.append(try recipes.descriptor(named: name).recipe())
        }
        var all = self
        for recipe in compared { try all.signals.formUnion(signals(for: recipe)) }
        let encoded = try all.encode(input, progress: encoding)
        let request = try request(about: encoded)
        var entries: [Comparison.Entry] = []
        var omissions: [Comparison.Omission] = []
        for (index, recipe) in compared.enumerated() {
            for (place, budget) in budgets.enumerated() {
                reducing?(
                    ComparisonProgress(
                        method: recipe.name, budget: budget, done: index * budgets.count + place,
                        total: compared.count * budgets.count))
                var request = request
                request.budget = budget
                do {
                    entries.append(try Comparison.Entry(recipe, encoded.grid, request))
                } catch {
                    guard error.code != .cancelled else { throw error }
                    let isSkipped = error.code == .missingSignal
                    omissions.append(
                        Comparison.Omission(
                            method: recipe.name, budgets: isSkipped ? budgets : [budget], error: error))
                    // What the grid lacks it lacks for every budget.
                    if isSkipped { break }
                }
            }
        }
        let ranked = budgets.flatMap { budget in
            entries.filter { $0.budget == budget }.enumerated().sorted {
                ($0.element.quality.coverage, $1.offset) > ($1.element.quality.coverage, $0.offset)
            }.map(\.element)
        }
        return Comparison(
            input: input.source.name, shape: encoded.grid.shape, languageModel: languageModel, entries: ranked,
            omissions: omissions)
    }
}

extension Comparison.Entry {
    fileprivate init(
        _ recipe: Recipe, _ grid: TokenGrid, _ request: ReductionRequest
    ) throws(TokenReelError) {
        try request.cancellation?.check()
        ProcessMemory.restartPeak()
        let start = ContinuousClock.now
        let reduction = try recipe.reduce(grid, request)
        seconds = (ContinuousClock.now - start) / .seconds(1)
        peakMemoryBytes = ProcessMemory.peakBytes
        method = recipe.name
        budget = request.budget
        tokens = reduction.plan.count
        quality = ReductionQuality.measure(reduction.plan, on: grid, workers: request.workers)
        substituted = recipe.missingSignals(grid, request)
    }
}
