import Testing
import TokenCore
import TokenReduction

@Suite struct TemporalPairMergerTests {
    /// One row of cells over time, each token a multiple of one of two axes or between them.
    private func grid(_ frames: [[Float]]) throws -> TokenGrid {
        let angles = frames.flatMap { $0 }
        return try TokenGrid(
            shape: GridShape(frames: frames.count, rows: 1, columns: frames[0].count, channels: 2),
            values: TensorBuffer(angles.flatMap { [1, $0] }), frameTimes: frames.indices.map(Double.init))
    }

    private func plan(_ grid: TokenGrid, _ count: Int) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: "tdtm").reduce(grid, ReductionRequest(budget: .tokens(count))).plan
    }

    @Test func roundsHalveTheFrames() throws {
        let grid = try RandomGrid.video(frames: 8, rows: 2, columns: 3, channels: 5, seed: 1)
        for (count, size) in [(24, Float(2)), (12, 4), (6, 8)] {
            let plan = try plan(grid, count)
            #expect(plan.sizes == [Float](repeating: size, count: count))
            #expect(plan.weights.allSatisfy { $0 == 1 / size })
        }
    }

    @Test func theLastRoundJoinsTheMostAlikePairs() throws {
        // Cell 0 stands still in frames 0 and 1, cell 1 in frames 2 and 3.
        let grid = try grid([[1, 0], [1, 5], [0, 2], [5, 2]])
        let plan = try plan(grid, 6)
        #expect(plan.anchors == [0, 1, 3, 4, 5, 6])
        #expect(plan.sizes == [2, 1, 1, 1, 2, 1])
    }

    @Test func anOddLastFrameStandsAloneUntilItsTurn() throws {
        let grid = try RandomGrid.video(frames: 5, rows: 1, columns: 2, channels: 4, seed: 2)
        #expect(try plan(grid, 6).sizes == [2, 2, 2, 2, 1, 1])
        // The mean of two pairs, then of those with the frame that was left over.
        let whole = try plan(grid, 2)
        #expect(whole.row(0).weights == [0.125, 0.125, 0.125, 0.125, 0.5])
    }
}
