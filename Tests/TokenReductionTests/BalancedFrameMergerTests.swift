import Testing
import TokenCore
import TokenReduction

@Suite struct BalancedFrameMergerTests {
    /// Frames of 2 x 2 tokens whose features are unit vectors at the given angles in degrees.
    private func grid(_ angles: [Float]) throws -> TokenGrid {
        var random = RandomNumbers(seed: 7)
        let directions: [Float: [Float]] = [
            0: [1, 0], 40: [0.766, 0.643], 80: [0.174, 0.985], 170: [-0.985, 0.174],
        ]
        return try TokenGrid(
            shape: GridShape(frames: angles.count, rows: 2, columns: 2, channels: 6),
            values: TensorBuffer(random.vector(angles.count * 24)), frameTimes: angles.indices.map(Double.init),
            frameFeatures: angles.flatMap { directions[$0] ?? [0, 0] })
    }

    private func plan(_ grid: TokenGrid, _ budget: TokenBudget, asPublished: Bool) throws -> ReductionPlan {
        var request = ReductionRequest(budget: budget)
        request.asPublished = asPublished
        return try RecipeRegistry.recipe(named: "b-vllm", parameters: ["duplicates": "0.8"]).reduce(grid, request).plan
    }

    /// Each frame is like the one before only, so the chain 0, 40, 80 degrees is one group, of which the original loses
    /// the end.
    @Test func aChainOfSimilarFramesBecomesOne() throws {
        let grid = try grid([0, 40, 80, 170])
        let whole = try plan(grid, .tokens(8), asPublished: false)
        #expect(whole.anchors == [0, 1, 2, 3, 12, 13, 14, 15])
        #expect(Array(whole.sources[whole.entries(of: 1)]) == [1, 5, 9])
        #expect(whole.weights[whole.entries(of: 1)].allSatisfy { abs($0 - 1 / 3) < 1e-6 })
        let published = try plan(grid, .tokens(8), asPublished: true)
        #expect(Array(published.sources[published.entries(of: 1)]) == [1, 5])
    }

    @Test func withAQueryOnlyTheBestFramesAreLeft() throws {
        let grid = try RandomGrid.video(frames: 10, rows: 3, columns: 3, channels: 8, seed: 3)
        var request = ReductionRequest(budget: .tokens(6))
        request.relevance = (0..<90).map { [2, 7].contains($0 / 9) && $0 % 9 == 4 ? 1 : 0.1 }
        let reduction = try RecipeRegistry.recipe(
            named: "b-vllm", parameters: ["frames": "2", "duplicates": "1"]
        ).reduce(grid, request)
        #expect(reduction.plan.anchors.map { $0 / 9 } == [2, 2, 2, 7, 7, 7])
        #expect(!reduction.notices.contains { $0.contains("does not choose by the query") })
        // A budget that two frames can't fill takes as many as it needs.
        request.budget = .tokens(40)
        let more = try RecipeRegistry.recipe(
            named: "b-vllm", parameters: ["frames": "2", "duplicates": "1"]
        ).reduce(grid, request)
        #expect(Set(more.plan.anchors.map { $0 / 9 }).count == 5)
    }
}
