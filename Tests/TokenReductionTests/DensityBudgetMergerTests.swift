import Testing
import TokenCore
import TokenReduction

@Suite struct DensityBudgetMergerTests {
    /// Four frames: the first two of one token repeated, the others of 32 different ones.
    private func grid() throws -> TokenGrid {
        var random = RandomNumbers(seed: 13)
        let plain = random.vector(12)
        let values = (0..<32).flatMap { _ in plain } + random.vector(32 * 12)
        return try TokenGrid(
            shape: GridShape(frames: 4, rows: 4, columns: 4, channels: 12), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3])
    }

    @Test(arguments: ["spread", "codes", "rank"])
    func segmentsWithMoreToSeeGetMoreTokens(_ density: String) throws {
        let recipe = try RecipeRegistry.recipe(
            named: "langdc", parameters: ["density": density, "segments": "2", "floor": "0.2"])
        let reduction = try recipe.reduce(grid(), ReductionRequest(budget: .tokens(20)))
        let counts = [0..<32, 32..<64].map { range in
            reduction.plan.anchors.filter { range.contains(Int($0)) }.count
        }
        // The floor is two tokens a segment; the density of a plain one is nothing, or one of eight codes.
        #expect(counts == (density == "codes" ? [4, 16] : [2, 18]))
    }

    @Test func aFloorOfOneSharesEqually() throws {
        let recipe = try RecipeRegistry.recipe(named: "langdc", parameters: ["segments": "2", "floor": "1"])
        let plan = try recipe.reduce(grid(), ReductionRequest(budget: .tokens(20))).plan
        #expect(plan.anchors.filter { $0 < 32 }.count == 10)
    }

    @Test func segmentsTileTheFramesEvenly() throws {
        let grid = try RandomGrid.video(frames: 11, rows: 2, columns: 2, channels: 4, seed: 1)
        let reduction = try RecipeRegistry.recipe(named: "longvlm", parameters: ["segments": "4"])
            .reduce(grid, ReductionRequest(budget: .ratio(0.5)))
        #expect(reduction.segments.map(\.count) == [2, 3, 3, 3])
    }
}
