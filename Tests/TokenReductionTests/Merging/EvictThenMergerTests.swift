import Testing
import TokenCore
import TokenReduction

@Suite struct EvictThenMergerTests {
    /// Frames of one row; each letter is a direction of its own.
    private func grid(_ frames: [String]) throws -> TokenGrid {
        let letters = frames.flatMap { $0 }
        let directions = Array(Set(letters)).sorted()
        let values = letters.flatMap { letter in directions.map { $0 == letter ? Float(1) : 0 } }
        return try TokenGrid(
            shape: GridShape(frames: frames.count, rows: 1, columns: frames[0].count, channels: directions.count),
            values: TensorBuffer(values), frameTimes: frames.indices.map(Double.init))
    }

    private func plan(_ grid: TokenGrid, _ count: Int, _ parameters: [String: String]) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: "ems", parameters: parameters)
            .reduce(grid, ReductionRequest(budget: .tokens(count))).plan
    }

    @Test func whatIsLikeNoCentreIsDropped() throws {
        let plan = try plan(grid(["aaab", "aabc"]), 1, [:])
        #expect(plan.anchors == [0])
        #expect(plan.row(0).sources == [0, 1, 2, 4, 5])
        // With the lowest threshold nothing is dropped.
        #expect(try self.plan(grid(["aaab", "aabc"]), 1, ["tau": "-1"]).sizes == [8])
    }

    @Test func theLocalScoreLiftsWhatFillsItsOwnFrames() throws {
        // Over the whole clip a is the most frequent; in its own frame h is all there is.
        let frames = try grid(["aabc", "aade", "aafg", "hhhh"])
        #expect(try plan(frames, 1, ["window": "1"]).anchors == [12])
        #expect(try plan(frames, 1, ["window": "4"]).anchors == [0])
    }
}
