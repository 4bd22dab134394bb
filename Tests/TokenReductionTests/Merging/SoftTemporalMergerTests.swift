import Testing
import TokenCore
import TokenReduction

@Suite struct SoftTemporalMergerTests {
    private func plan(_ grid: TokenGrid, _ count: Int, _ parameters: [String: String]) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: "evlgen", parameters: parameters)
            .reduce(grid, ReductionRequest(budget: .tokens(count))).plan
    }

    @Test func withoutReachFramesAreKeptAsTheyAre() throws {
        let grid = try RandomGrid.video(frames: 10, rows: 1, columns: 3, channels: 4, seed: 1)
        let plan = try plan(grid, 12, ["reach": "0"])
        #expect(plan.anchors == [0, 1, 2, 6, 7, 8, 15, 16, 17, 21, 22, 23])
        #expect(plan.sizes == [Float](repeating: 1, count: 12))
    }

    @Test func aCellBlendsWithItsLikesWithinReach() throws {
        // The cell shows a, a, b, a; only frame 0 is kept.
        let grid = try TokenGrid(
            shape: GridShape(frames: 4, rows: 1, columns: 1, channels: 2),
            values: TensorBuffer([1, 0, 2, 0, 0, 1, 3, 0]), frameTimes: [0, 1, 2, 3])
        let near = try plan(grid, 1, ["reach": "2", "temperature": "1"]).row(0)
        #expect(near.sources == [0, 1, 2])
        let sum: Float = 1 + 2 * 2.7182818
        for (weight, expected) in zip(near.weights, [2.7182818 / sum, 2.7182818 / sum, 1 / sum]) {
            #expect(abs(weight - expected) < 1e-6)
        }
        #expect(try plan(grid, 1, ["reach": "3", "temperature": "0.01"]).row(0).weights[2] < 1e-6)
    }
}
