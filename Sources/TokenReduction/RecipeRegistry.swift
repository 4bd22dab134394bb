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
    /// Rows of the project's list of published systems that this recipe stands for.
    public let rows: [Int]
    /// The licence of the reference implementation, which none of this code comes from; nil where there is none.
    public let licence: String?

    fileprivate let make: @Sendable (ParameterValues) -> Recipe
}

/// All recipes by name.
///
/// Adding a method is one file with the method and one line here.
public enum RecipeRegistry {
    /// Every recipe, the default first.
    public static let recipes: [RecipeDescriptor] =
        ours + clustering + bipartite + scoring + temporal + hashing

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

    static func describe(
        _ name: String, _ summary: String, source: String, segmenter: (any TemporalSegmenter.Type)? = nil,
        merger: (any TokenMerger.Type)? = nil, pruner: (any TokenPruner.Type)? = nil,
        hasher: (any TokenHasher.Type)? = nil, defaults: [String: Double] = [:], emitsCodebook: Bool = false,
        candidatesPerToken: Double = 1, isPublished: Bool = true, rows: [Int] = [], licence: String? = nil
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
        let defaults = ParameterValues(Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) }))
        return RecipeDescriptor(
            name: name, summary: summary, source: source, stages: stages, parameters: parameters,
            needs: make(defaults).needs, emitsCodebook: emitsCodebook, isPublished: isPublished, rows: rows,
            licence: licence, make: make)
    }
}

extension RecipeDescriptor {
    fileprivate var defaults: [String: Double] {
        Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.defaultValue) })
    }
}
