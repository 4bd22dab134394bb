public import TokenCore

/// What the registry, the command's help and its JSON tell about one recipe.
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
    public let needs: Set<Signal>
    /// Whether the output tokens are the entries of a codebook.
    public let emitsCodebook: Bool
    /// Whether there is a reference implementation to follow with ``ReductionRequest/asPublished``.
    public let isPublished: Bool

    fileprivate let make: @Sendable (ParameterValues) -> Recipe
}

/// All recipes by name.
///
/// Adding a method is one file with the method and one line here.
public enum RecipeRegistry {
    /// Every recipe, the default first.
    public static let recipes: [RecipeDescriptor] = [
        describe(
            "tokenreel", "All four stages: the default for video of any kind, with or without a query.",
            source:
                "Static/dynamic merging after HoliTom with clusters instead of attention, then query relevance and a codebook",
            segmenter: RedundancySegmenter.self, merger: StaticDynamicMerger.self, pruner: QueryRelevancePruner.self,
            hasher: CodebookHasher.self, defaults: ["contextual": 1, "plain-mean": 1, "rests": 1, "novelty": 1],
            candidatesPerToken: 3,
            isPublished: false),
        describe(
            "holitom", "Merges what stays still, keeps what attention marks; needs a saliency signal.",
            source: "HoliTom, arXiv 2505.21334 (outer stage, without merging inside the LLM)",
            segmenter: RedundancySegmenter.self, merger: StaticDynamicMerger.self),
        describe(
            "evs", "Keeps the tokens that changed since the frame before; nothing is merged.",
            source: "EVS, arXiv 2510.14624", pruner: TemporalNoveltyPruner.self),
        describe(
            "vqtoken", "Replaces the video by the entries of a codebook: a few dozen tokens and a map of codes.",
            source: "VQToken, arXiv 2503.16980 (codebook and token hash, without the trained attention)",
            hasher: CodebookHasher.self, defaults: ["max-codes": 32], emitsCodebook: true),
    ]

    /// The recipe used when none is named.
    public static let defaultName = "tokenreel"

    /// What the registry knows about a recipe.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a name that is not registered.
    public static func descriptor(named name: String) throws(TokenReelError) -> RecipeDescriptor {
        guard let descriptor = recipes.first(where: { $0.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "method", found: "\"\(name)\"",
                allowed: recipes.map(\.name).joined(separator: ", "), remedy: "choose one with --method")
        }
        return descriptor
    }

    /// A recipe with the values that a user set, each as typed.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an unknown recipe or parameter, or a value out of range.
    public static func recipe(
        named name: String = defaultName, parameters: [String: String] = [:]
    ) throws(TokenReelError) -> Recipe {
        let descriptor = try descriptor(named: name)
        var values = descriptor.defaults
        for (key, text) in parameters.sorted(by: { $0.key < $1.key }) {
            guard let parameter = descriptor.parameters.first(where: { $0.name == key }) else {
                let known = descriptor.parameters.map(\.name)
                throw TokenReelError(
                    .invalidArgument, subject: "method \(name)", found: "no parameter \"\(key)\"",
                    allowed: known.isEmpty ? "no parameters" : known.joined(separator: ", "),
                    remedy: "see tokenreel methods \(name)")
            }
            values[key] = try parameter.parse(text)
        }
        return descriptor.make(ParameterValues(values))
    }

    private static func describe(
        _ name: String, _ summary: String, source: String, segmenter: (any TemporalSegmenter.Type)? = nil,
        merger: (any TokenMerger.Type)? = nil, pruner: (any TokenPruner.Type)? = nil,
        hasher: (any TokenHasher.Type)? = nil, defaults: [String: Double] = [:], emitsCodebook: Bool = false,
        candidatesPerToken: Double = 1, isPublished: Bool = true
    ) -> RecipeDescriptor {
        let stages = [
            segmenter?.descriptor, merger?.descriptor, pruner?.descriptor, hasher?.descriptor,
        ].compactMap { $0 }
        var parameters: [Parameter] = []
        for parameter in stages.flatMap(\.parameters) where !parameters.contains(where: { $0.name == parameter.name }) {
            parameters.append(parameter.withDefault(defaults[parameter.name]))
        }
        let make: @Sendable (ParameterValues) -> Recipe = { values in
            Recipe(
                name: name, segmenter: segmenter?.init(values), merger: merger?.init(values),
                pruner: pruner?.init(values), hasher: hasher?.init(values), emitsCodebook: emitsCodebook,
                candidatesPerToken: candidatesPerToken, isPublished: isPublished)
        }
        let descriptor = RecipeDescriptor(
            name: name, summary: summary, source: source, stages: stages, parameters: parameters, needs: [],
            emitsCodebook: emitsCodebook, isPublished: isPublished, make: make)
        return RecipeDescriptor(
            name: name, summary: summary, source: source, stages: stages, parameters: parameters,
            needs: make(ParameterValues(descriptor.defaults)).needs, emitsCodebook: emitsCodebook,
            isPublished: isPublished, make: make)
    }
}

extension RecipeDescriptor {
    fileprivate var defaults: [String: Double] {
        Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) })
    }
}
