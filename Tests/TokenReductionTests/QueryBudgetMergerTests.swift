import Testing
import TokenCore
import TokenReduction

@Suite struct QueryBudgetMergerTests {
    private func plan(
        _ reducer: String, _ grid: TokenGrid, weights: [Double], count: Int, asPublished: Bool = true
    ) throws -> ReductionPlan {
        var request = ReductionRequest(budget: .tokens(count))
        request.asPublished = asPublished
        let version = Double(try #require(["v1", "v2", "v3", "v4", "v5"].firstIndex(of: reducer)))
        let merger = QueryBudgetMerger(ParameterValues(["reducer": version, "temperature": 0.1, "sharpness": 2]))
        return try merger.plan(for: ReductionInput(grid, request), frameWeights: weights, count: count)
    }

    @Test func whatAnswersTheQueryGetsTheTokens() throws {
        let grid = try RandomGrid.video(frames: 4, rows: 4, columns: 4, channels: 6, seed: 2)
        for reducer in ["v1", "v2", "v3", "v4", "v5"] {
            var request = ReductionRequest(budget: .tokens(22))
            request.relevance = (0..<64).map { $0 / 16 == 2 && $0 % 16 == 5 ? 0.9 : 0.1 }
            let plan = try RecipeRegistry.recipe(named: "quota", parameters: ["reducer": reducer])
                .reduce(grid, request).plan
            let counts = (0..<4).map { frame in plan.anchors.filter { Int($0) / 16 == frame }.count }
            #expect(counts[2] > 3 * counts[0], "\(reducer): \(counts)")
        }
    }

    /// 4 x 4 to 2 x 2: means of 2 x 2 blocks for pooling, and for resizing, which reads the two nearest on either axis.
    @Test(arguments: ["v1", "v2"])
    func halvingBothSidesAveragesBlocks(_ reducer: String) throws {
        let grid = try RandomGrid.video(frames: 1, rows: 4, columns: 4, channels: 6, seed: 3)
        let plan = try plan(reducer, grid, weights: [1], count: 4)
        #expect(plan.anchors == [5, 7, 13, 15])
        #expect(Array(plan.sources[plan.entries(of: 1)]) == [2, 3, 6, 7])
        #expect(plan.weights.allSatisfy { $0 == 0.25 })
    }

    @Test func sidesThatDoNotDivideOverlap() throws {
        let grid = try RandomGrid.video(frames: 1, rows: 3, columns: 3, channels: 6, seed: 3)
        let pooled = try plan("v2", grid, weights: [1], count: 4)
        #expect(Array(pooled.sources[pooled.entries(of: 0)]) == [0, 1, 3, 4])
        #expect(Array(pooled.sources[pooled.entries(of: 3)]) == [4, 5, 7, 8])
        // Output 0 of 2 lies at input 0.25, output 1 at 1.75.
        let resized = try plan("v1", grid, weights: [1], count: 4)
        #expect(resized.row(0).weights == [0.5625, 0.1875, 0.1875, 0.0625])
        #expect(resized.row(3).weights == [0.0625, 0.1875, 0.1875, 0.5625])
    }

    @Test func evenPicksReachBothEnds() throws {
        let grid = try RandomGrid.video(frames: 2, rows: 3, columns: 3, channels: 6, seed: 3)
        #expect(try plan("v3", grid, weights: [3, 1], count: 4).anchors == [0, 4, 8, 9])
    }

    @Test func aFrameOfNarrowSidesIsStillFilled() throws {
        let grid = try RandomGrid.video(frames: 1, rows: 2, columns: 9, channels: 6, seed: 3)
        #expect(try plan("v2", grid, weights: [1], count: 12).count == 12)
        #expect(try plan("v5", grid, weights: [1], count: 18).count == 18)
    }
}
