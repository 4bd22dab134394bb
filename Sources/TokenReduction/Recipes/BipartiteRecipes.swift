extension RecipeRegistry {
    /// Methods that match one half of the tokens with the other.
    static let bipartite: [RecipeDescriptor] = []
}
