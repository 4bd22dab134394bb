import Testing
import TokenCore
import TokenReduction

@Suite struct GroupPoolMergerTests {
    private func plan(_ grid: TokenGrid, _ count: Int, _ parameters: [String: String]) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: "cca", parameters: parameters)
            .reduce(grid, ReductionRequest(budget: .tokens(count))).plan
    }

    @Test func linesAreCutIntoEqualParts() throws {
        let grid = try RandomGrid.video(frames: 9, rows: 2, columns: 5, channels: 4, seed: 1)
        let time = try plan(grid, 30, [:])
        #expect(time.sizes == [Float](repeating: 3, count: 30))
        #expect(time.row(0).sources == [0, 10, 20] && time.row(0).anchor == 20)
        let raster = try plan(grid, 18, ["order": "raster"])
        #expect(raster.row(1).sources == [5, 6, 7, 8, 9] && raster.row(1).anchor == 9)
    }

    @Test func theLastTokenDecidesWhatCounts() throws {
        let grid = try TokenGrid(
            shape: GridShape(frames: 3, rows: 1, columns: 1, channels: 2),
            values: TensorBuffer([0, 4, 3, 0, 2, 0]), frameTimes: [0, 1, 2])
        // Cosines 0, 1 and 1 at temperature 1.
        let weights = try plan(grid, 1, ["temperature": "1"]).row(0).weights
        let sum: Float = 1 + 2 * 2.7182818
        for (weight, expected) in zip(weights, [1 / sum, 2.7182818 / sum, 2.7182818 / sum]) {
            #expect(abs(weight - expected) < 1e-6)
        }
        for weight in try plan(grid, 1, ["temperature": "1000"]).row(0).weights { #expect(abs(weight - 1 / 3) < 1e-3) }
    }
}
