public import TokenCore

/// The recipes that the package brings, by name.
///
/// Adding a method to the package is one file with the method and one line here.
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
        try recipes.descriptor(named: name)
    }

    /// A recipe with the values that a user set, each as typed.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an unknown recipe or parameter, or a value out of range.
    public static func recipe(
        named name: String = defaultName, parameters: [String: String] = [:]
    ) throws(TokenReelError) -> Recipe {
        try descriptor(named: name).recipe(parameters: parameters)
    }

    /// A recipe that follows published work, unless said otherwise.
    static func describe(
        _ name: String, _ summary: String, source: String, segmenter: (any TemporalSegmenter.Type)? = nil,
        merger: (any TokenMerger.Type)? = nil, pruner: (any TokenPruner.Type)? = nil,
        hasher: (any TokenHasher.Type)? = nil, defaults: [String: Double] = [:], emitsCodebook: Bool = false,
        candidatesPerToken: Double = 1, isPublished: Bool = true, rows: [Int] = [], licence: String? = nil
    ) -> RecipeDescriptor {
        var descriptor = RecipeDescriptor(
            name, summary, source: source, segmenter: segmenter, merger: merger, pruner: pruner, hasher: hasher,
            defaults: defaults, emitsCodebook: emitsCodebook, candidatesPerToken: candidatesPerToken)
        descriptor.isPublished = isPublished
        descriptor.rows = rows
        descriptor.licence = licence
        return descriptor
    }
}

extension [RecipeDescriptor] {
    /// The recipe of that name.
    package func descriptor(named name: String) throws(TokenReelError) -> RecipeDescriptor {
        guard let descriptor = first(where: { $0.name == name }) else {
            throw TokenReelError(
                .invalidArgument, subject: "method", found: "\"\(name)\"",
                allowed: map(\.name).joined(separator: ", "), remedy: "choose one with --method")
        }
        return descriptor
    }
}
