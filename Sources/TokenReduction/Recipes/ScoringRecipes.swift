extension RecipeRegistry {
    /// Methods that give each token a score and keep the best.
    static let scoring: [RecipeDescriptor] = [
        describe(
            "evs", "Keeps the tokens that changed since the frame before; nothing is merged.",
            source: "EVS, arXiv 2510.14624", pruner: TemporalNoveltyPruner.self,
            licence: "Apache-2.0 with an NVIDIA notice")
    ]
}
