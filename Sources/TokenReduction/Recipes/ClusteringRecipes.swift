extension RecipeRegistry {
    /// Methods that segment and cluster.
    static let clustering: [RecipeDescriptor] = []
}
