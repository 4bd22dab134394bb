import Testing
import TokenCore
import TokenReduction

@Suite struct SequentialSetMergerTests {
    private func row(_ tokens: [[Float]], saliency: [Float], pivot: String) throws -> ReductionPlan.Row {
        let grid = try TokenGrid(
            shape: GridShape(frames: tokens.count, rows: 1, columns: 1, channels: tokens[0].count),
            values: TensorBuffer(tokens.flatMap { $0 }), frameTimes: tokens.indices.map(Double.init),
            saliency: saliency)
        let recipe = try RecipeRegistry.recipe(named: "kvmerger", parameters: ["pivot": pivot])
        return try recipe.reduce(grid, ReductionRequest(budget: .tokens(1))).plan.row(0)
    }

    @Test func weightsFallOffFromThePivot() throws {
        // At distances 1, 0 and 3 from the pivot sigma is 2 / sqrt 2, and the weights are e^(-d^2 / 4).
        let row = try row([[10, 1], [10, 0], [10, -3]], saliency: [1, 2, 0], pivot: "salient")
        #expect(row.anchor == 1)
        let sum: Float = 0.778801 + 1 + 0.105399
        for (weight, expected) in zip(row.weights, [0.778801 / sum, 1 / sum, 0.105399 / sum]) {
            #expect(abs(weight - expected) < 1e-5)
        }
    }

    @Test func thePivotIsTheMostTypical() throws {
        #expect(
            try row([[1, 0], [1, 0.4], [1, 0.5], [1, 3]], saliency: [9, 0, 0, 0], pivot: "central").anchor == 2)
        #expect(
            try row([[1, 0], [1, 0.4], [1, 0.5], [1, 3]], saliency: [9, 0, 0, 0], pivot: "salient").anchor == 0)
    }

    @Test func equalTokensShareEqually() throws {
        #expect(try row([[1, 2], [1, 2]], saliency: [1, 1], pivot: "central").weights == [0.5, 0.5])
    }
}
