import Testing
import TokenReduction

@Suite struct MethodCatalogueTests {
    @Test func namesAreUniqueAndFoundAgain() throws {
        let names = MethodCatalogue.entries.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names { #expect(try MethodCatalogue.entry(named: name).name == name) }
        #expect(throws: (any Error).self) { try MethodCatalogue.entry(named: "nothing") }
    }

    @Test func everyRecipeAndEveryQuantiserIsThere() {
        let names = Set(MethodCatalogue.entries.map(\.name))
        #expect(names.isSuperset(of: RecipeRegistry.recipes.map(\.name)))
        #expect(names.isSuperset(of: TokenQuantization.quantizers.map { $0.descriptor.name }))
    }

    @Test func entriesSayHowTheyAreUsedAndWhereTheyComeFrom() {
        for entry in MethodCatalogue.entries {
            #expect(!entry.summary.isEmpty && !entry.usage.isEmpty && !entry.source.isEmpty && !entry.cost.isEmpty)
            #expect((entry.recipe != nil) == (entry.kind == .method))
        }
    }
}
