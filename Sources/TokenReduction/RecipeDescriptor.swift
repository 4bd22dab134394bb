public import TokenCore

/// A method by name: the stages it is made of, what can be set, and where it comes from.
///
/// The registry's descriptors say what the package brings; make your own to run stages that you wrote, alone or beside
/// stages of another recipe, such as its ``segmenter``:
///
/// ```swift
/// let brightest = RecipeDescriptor(
///     "brightest", "Keeps the tokens with the largest values.", source: "An example", pruner: BrightestPruner.self)
/// let reduction = try brightest.recipe().reduce(grid, ReductionRequest(budget: .ratio(0.1)))
/// ```
public struct RecipeDescriptor: Sendable {
    /// The name used with `--method`.
    public let name: String
    /// One sentence on when to use it.
    public let summary: String
    /// The paper it reproduces, or how it came to be.
    public let source: String
    /// The methods it is made of, in order of their stages.
    public let stages: [StageDescriptor]
    /// The parameters of all its stages, with the recipe's own defaults.
    ///
    /// A name that several stages share is set at once.
    public let parameters: [Parameter]
    /// Signals it needs with its default parameters.
    public var needs: Set<Signal> { recipe(ParameterValues(defaults)).needs }
    /// Whether the output tokens are the entries of a codebook.
    public let emitsCodebook: Bool
    /// Whether there is a reference implementation to follow with ``ReductionRequest/asPublished``.
    public internal(set) var isPublished = false
    /// Rows of the project's list of published systems that this recipe stands for.
    public internal(set) var rows: [Int] = []
    /// The licence of the reference implementation, which none of this code comes from; nil where there is none.
    public internal(set) var licence: String?

    /// How time is cut, if it is.
    public let segmenter: (any TemporalSegmenter.Type)?
    /// What joins tokens, if anything does.
    public let merger: (any TokenMerger.Type)?
    /// What chooses among tokens, if anything does.
    public let pruner: (any TokenPruner.Type)?
    /// What names tokens, if anything does.
    public let hasher: (any TokenHasher.Type)?
    /// How many candidates merging leaves for each token that pruning keeps, at least 1.
    public let candidatesPerToken: Double

    /// Puts stages together under a name; a stage that is left out does nothing.
    ///
    /// - Parameters:
    ///   - name: What the recipe is asked for by, and what token files say that it was.
    ///   - summary: One sentence on when to use it.
    ///   - source: The paper it reproduces, or how it came to be.
    ///   - segmenter: Cuts time into segments; without one the whole video is one segment.
    ///   - merger: Joins tokens within segments.
    ///   - pruner: Chooses among the tokens that merging left.
    ///   - hasher: Names tokens by entries of a codebook.
    ///   - defaults: Values of the stages' parameters where they differ from the stages' own defaults.
    ///   - emitsCodebook: Whether the codebook's entries are the output tokens, instead of naming them.
    ///   - candidatesPerToken: How many candidates merging leaves for each token that pruning keeps, at least 1.
    /// - Precondition: Some stage declares each parameter named in `defaults`.
    public init(
        _ name: String, _ summary: String, source: String, segmenter: (any TemporalSegmenter.Type)? = nil,
        merger: (any TokenMerger.Type)? = nil, pruner: (any TokenPruner.Type)? = nil,
        hasher: (any TokenHasher.Type)? = nil, defaults: [String: Double] = [:], emitsCodebook: Bool = false,
        candidatesPerToken: Double = 1
    ) {
        self.name = name
        self.summary = summary
        self.source = source
        self.emitsCodebook = emitsCodebook
        stages = [
            segmenter?.descriptor, merger?.descriptor, pruner?.descriptor, hasher?.descriptor,
        ].compactMap { $0 }
        var parameters: [Parameter] = []
        for parameter in stages.flatMap(\.parameters) where !parameters.contains(where: { $0.name == parameter.name }) {
            parameters.append(parameter.withDefault(defaults[parameter.name]))
        }
        self.parameters = parameters
        for key in defaults.keys {
            precondition(parameters.contains { $0.name == key }, "no stage of \(name) has a parameter \(key)")
        }
        self.segmenter = segmenter
        self.merger = merger
        self.pruner = pruner
        self.hasher = hasher
        self.candidatesPerToken = candidatesPerToken
    }

    /// The recipe with the values that a user set, each as typed.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an unknown parameter or a value out of range.
    public func recipe(parameters settings: [String: String] = [:]) throws(TokenReelError) -> Recipe {
        var values = defaults
        for (key, text) in settings.sorted(by: { $0.key < $1.key }) {
            guard let parameter = parameters.first(where: { $0.name == key }) else {
                let known = parameters.map(\.name)
                throw TokenReelError(
                    .invalidArgument, subject: "method \(name)", found: "no parameter \"\(key)\"",
                    allowed: known.isEmpty ? "no parameters" : known.joined(separator: ", "),
                    remedy: "see tokenreel methods \(name)")
            }
            values[key] = try parameter.parse(text)
        }
        return recipe(ParameterValues(values))
    }

    private func recipe(_ values: ParameterValues) -> Recipe {
        Recipe(
            name: name, segmenter: segmenter?.init(values), merger: merger?.init(values), pruner: pruner?.init(values),
            hasher: hasher?.init(values), emitsCodebook: emitsCodebook, candidatesPerToken: candidatesPerToken,
            isPublished: isPublished)
    }

    private var defaults: [String: Double] {
        Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) })
    }
}
