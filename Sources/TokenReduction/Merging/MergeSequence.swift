internal import TensorOps
internal import TokenCore

/// How a round of merging treats what it merges.
struct MergeRule: Sendable {
    /// How much each token counts in an average.
    enum Weighting: CaseIterable {
        /// As many times as it has source tokens, so that every token stays the mean of its sources.
        case size
        /// Once.
        case plain
    }

    var weighting = Weighting.size
    /// Parts of a token whose mean is compared instead of the whole; 1 compares whole tokens.
    var groups = 1
    /// Whether tokens that found no partner keep their order instead of being sorted by similarity.
    var keepsOrder = false
}

/// A sequence of tokens that shrinks round by round.
///
/// All it holds is the plan so far: what the tokens look like is made from the grid anew for each round, so that
/// sequences wait for one another without memory, and the last round computes no token at all.
struct MergeSequence: Sendable {
    /// The tokens, made of the grid's.
    private(set) var plan: ReductionPlan
    private let input: ReductionInput
    private let workers: Int

    var count: Int { plan.count }

    /// Tokens that earlier rounds made.
    init(_ plan: ReductionPlan, of input: ReductionInput, workers: Int = 1) {
        self.plan = plan
        self.input = input
        self.workers = workers
    }

    /// Source tokens as they are.
    init(_ tokens: some Collection<Int>, of input: ReductionInput, workers: Int = 1) {
        let plan = ReductionPlan(sourceCount: input.grid.shape.tokenCount, keeping: Array(tokens))
        self.init(plan, of: input, workers: workers)
    }

    /// What the tokens look like now.
    var tokens: TokenRows {
        guard let run = plan.consecutiveSources else {
            return TokenRows(plan.applied(to: input.grid.values, channels: input.channels), channels: input.channels)
        }
        return TokenRows(
            values: input.grid.values, first: run.lowerBound, channels: input.channels, norms: Array(input.norms[run]))
    }

    /// Goes on with what `round` makes of the tokens.
    mutating func apply(_ round: ReductionPlan) { plan = plan.composed(with: round) }

    /// Pairs even tokens with odd ones.
    func alternatingMatching(_ rule: MergeRule = MergeRule()) -> BipartiteMatching {
        BipartiteMatching(
            .alternating(count), of: tokens.averagingChannels(groups: rule.groups), workers: workers)
    }

    /// Merges the first `merging` of the sources in `ranking`; the others come first, then the destinations.
    mutating func apply(
        _ matching: BipartiteMatching, ranking: [Int], merging: Int, _ rule: MergeRule = MergeRule()
    ) {
        let rest = ranking.dropFirst(merging)
        let unmerged = (rule.keepsOrder ? rest.sorted() : Array(rest)).map { matching.partition.sources[$0] }
        apply(
            matching.plan(
                of: count, joining: ranking.prefix(merging), sizes: rule.weighting == .size ? plan.sizes : nil,
                leading: unmerged))
    }

    /// One round of ToMe: of even tokens and their partners the `merging` most alike pairs become one, at most half.
    mutating func merge(_ merging: Int, _ rule: MergeRule = MergeRule()) throws(TokenReelError) {
        let merging = min(merging, count / 2)
        guard merging > 0 else { return }
        try input.checkCancellation()
        let matching = alternatingMatching(rule)
        apply(matching, ranking: matching.ranking, merging: merging, rule)
    }

    /// Rounds that halve the sequence until one more would be too many; the last merges just what is left to merge.
    mutating func reduce(to target: Int, _ rule: MergeRule = MergeRule()) throws(TokenReelError) {
        while count > max(target, 1) { try merge(count - max(target, 1), rule) }
    }
}

extension ReductionPlan {
    /// The source tokens, where the plan keeps some consecutive ones as they are.
    fileprivate var consecutiveSources: Range<Int>? {
        guard count > 0, sources.count == count, weights.allSatisfy({ $0 == 1 }),
            zip(sources, sources.dropFirst()).allSatisfy({ $1 == $0 + 1 })
        else { return nil }
        return Int(sources[0])..<Int(sources[0]) + count
    }

    /// The rows of plans over the same source tokens, one plan after the other.
    init(concatenating plans: [ReductionPlan], sourceCount: Int) {
        self.init(sourceCount: sourceCount, rows: plans.flatMap { plan in (0..<plan.count).map { plan.row($0) } })
    }
}
