public import TokenCore

/// The four places of the pipeline a method can take.
public enum StageKind: String, Sendable, CaseIterable {
    /// Cuts time into segments that are reduced on their own.
    case segment
    /// Joins tokens that say the same.
    case merge
    /// Drops tokens that say little, or little about the query.
    case prune
    /// Names tokens by entries of a codebook.
    case hash
}

/// What the registry, the command's help and its JSON tell about one method of one stage.
public struct StageDescriptor: Sendable {
    /// The name used in recipes, such as `redundancy`.
    public let name: String
    /// Where in the pipeline the method acts.
    public let kind: StageKind
    /// One sentence on what it does.
    public let summary: String
    /// Paper and section the computation follows.
    public let source: String
    /// What can be set with `--set name=value`.
    public let parameters: [Parameter]
    /// Signals the method needs, unless its parameters make do without.
    public let needs: Set<Signal>
    /// What stands in for a missing signal where the caller allows it; a signal that is not listed can't be replaced.
    public let substitutes: [Signal: String]
    /// Arithmetic cost in T frames, N tokens a frame, D channels.
    public let cost: String
    /// Whether its rows may share source tokens.
    public let overlaps: Bool
    /// Whether it chooses by the query where there is one.
    public let readsQuery: Bool

    /// Describes a method.
    ///
    /// - Parameters:
    ///   - name: The name used in recipes.
    ///   - kind: Where in the pipeline the method acts.
    ///   - summary: One sentence on what it does.
    ///   - source: Paper and section the computation follows.
    ///   - parameters: What can be set.
    ///   - needs: Signals the method needs.
    ///   - substitutes: What stands in for a missing signal where the caller allows it.
    ///   - cost: Arithmetic cost in T frames, N tokens a frame, D channels.
    ///   - overlaps: Whether its rows may share source tokens.
    ///   - readsQuery: Whether it chooses by the query where there is one; a method that needs one does.
    public init(
        name: String, kind: StageKind, summary: String, source: String, parameters: [Parameter] = [],
        needs: Set<Signal> = [], substitutes: [Signal: String] = [:], cost: String, overlaps: Bool = false,
        readsQuery: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.source = source
        self.parameters = parameters
        self.needs = needs
        self.substitutes = substitutes
        self.cost = cost
        self.overlaps = overlaps
        self.readsQuery = readsQuery || needs.contains(.query)
    }
}

/// A method that can stand in a recipe.
public protocol ReductionStage: Sendable {
    /// What the method is and what can be set.
    static var descriptor: StageDescriptor { get }

    /// Makes the method with the values of its parameters.
    init(_ values: ParameterValues)

    /// Signals this instance can't do without; some methods need one only for some values of their parameters.
    var needs: Set<Signal> { get }
}

extension ReductionStage {
    /// What the descriptor says.
    public var needs: Set<Signal> { Self.descriptor.needs }
}

/// Cuts time into segments.
public protocol TemporalSegmenter: ReductionStage {
    /// Segments that tile `0 ..< frames` in order.
    func segments(of input: ReductionInput) throws(TokenReelError) -> [Segment]
}

/// Joins tokens within segments.
public protocol TokenMerger: ReductionStage {
    /// A plan over all source tokens with about `count` rows: exact where the method can be, else what its own rounding
    /// gives.
    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan
}

/// Chooses among the tokens that merging left.
public protocol TokenPruner: ReductionStage {
    /// The candidates to keep, each once, ascending unless a published method writes them in another order; `count` of
    /// them unless the method's own rounding says otherwise.
    func selection(from candidates: CandidateTokens, of input: ReductionInput, count: Int) throws(TokenReelError)
        -> [Int]
}

/// Names tokens by entries of a codebook.
public protocol TokenHasher: ReductionStage {
    /// Codes for all source tokens, learnt from the candidates.
    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash
}

/// The tokens a pruner or hasher sees: what merging made of the grid.
public struct CandidateTokens: Sendable {
    /// How the candidates came from the source tokens.
    public let plan: ReductionPlan
    /// `[plan.count, channels]`.
    public let values: TensorBuffer<Float>

    init(plan: ReductionPlan, input: ReductionInput) {
        self.plan = plan
        values = plan.isIdentity ? input.grid.values : plan.applied(to: input.grid.values, channels: input.channels)
    }
}

extension ReductionPlan {
    /// Whether the plan keeps every token in place, so that nothing needs to be computed.
    var isIdentity: Bool {
        count == sourceCount && sources.count == count && weights.allSatisfy { $0 == 1 }
            && sources.indices.allSatisfy { sources[$0] == Int32($0) }
    }
}
