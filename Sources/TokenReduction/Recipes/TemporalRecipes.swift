extension RecipeRegistry {
    /// Methods that merge along time, in windows or around kept tokens.
    static let temporal: [RecipeDescriptor] = []
}
