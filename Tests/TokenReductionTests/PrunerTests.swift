import Testing
import TokenCore
import TokenReduction

@Suite struct PrunerTests {
    /// Six frames of eight tokens; the query's direction stands in frame 4 only.
    private func needle() throws -> (grid: TokenGrid, query: Query) {
        var random = RandomNumbers(seed: 41)
        let query = random.vector(16)
        var values = random.vector(6 * 8 * 16)
        for token in 4 * 8 + 2..<4 * 8 + 6 {
            for channel in 0..<16 { values[token * 16 + channel] = 5 * query[channel] }
        }
        let grid = try TokenGrid(
            shape: GridShape(frames: 6, rows: 2, columns: 4, channels: 16), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3, 4, 5])
        return (grid, try Query(vectors: query, channels: 16))
    }

    @Test func theQueryDrawsTheBudget() throws {
        let (grid, query) = try needle()
        var request = ReductionRequest(budget: .tokens(10))
        request.query = query
        let recipe = try RecipeRegistry.recipe(named: "tokenreel", parameters: ["spread": "0", "temperature": "0.05"])
        let reduction = try recipe.reduce(grid, request)
        let kept = Set(reduction.plan.anchors)
        #expect(kept.isSuperset(of: [34, 35, 36, 37]) || reduction.plan.owners[34...37].allSatisfy { $0 >= 0 })
        let relevance = try #require(reduction.relevance)
        for (row, anchor) in reduction.plan.anchors.enumerated() where (34...37).contains(anchor) {
            #expect(relevance[row] > 0.99)
        }
    }

    @Test func spreadGivesEveryFrameItsShare() throws {
        let (grid, query) = try needle()
        var request = ReductionRequest(budget: .tokens(12))
        request.query = query
        let recipe = try RecipeRegistry.recipe(named: "tokenreel", parameters: ["spread": "1", "tau": "1"])
        let frames = try recipe.reduce(grid, request).plan.anchors.map { Int($0) / 8 }
        for frame in 0..<6 { #expect(frames.count { $0 == frame } == 2) }
    }

    @Test func relevanceMeasuredElsewhereDrawsTheBudgetToo() throws {
        let (grid, _) = try needle()
        var request = ReductionRequest(budget: .tokens(4))
        var relevance = [Float](repeating: 0, count: 48)
        for token in [3, 17, 18, 40] { relevance[token] = 1 }
        request.relevance = relevance
        let parameters = ["spread": "0", "temperature": "0.01", "tau": "1", "contextual": "0"]
        let holder = try TokenGrid(
            shape: grid.shape, values: grid.values, frameTimes: grid.frameTimes, saliency: relevance)
        let reduction = try RecipeRegistry.recipe(named: "tokenreel", parameters: parameters).reduce(holder, request)
        #expect(reduction.plan.anchors == [3, 17, 18, 40])
        #expect(reduction.relevance == [1, 1, 1, 1])
        request.relevance = [1, 2]
        #expect(throws: TokenReelError.self) { try RecipeRegistry.recipe().reduce(grid, request) }
        request.relevance = [Float](repeating: .nan, count: 48)
        #expect(throws: TokenReelError.self) { try RecipeRegistry.recipe().reduce(grid, request) }
    }

    @Test func noveltyKeepsWhatChanged() throws {
        // Everything stands still but cell 2, which changes in frames 2 and 5.
        var values = [Float](repeating: 1, count: 6 * 4 * 3)
        for frame in 2..<6 { values[(frame * 4 + 2) * 3] = frame < 5 ? -9 : 7 }
        let grid = try TokenGrid(
            shape: GridShape(frames: 6, rows: 2, columns: 2, channels: 3), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3, 4, 5])
        let plan = try RecipeRegistry.recipe(named: "evs").reduce(grid, ReductionRequest(budget: .tokens(6))).plan
        #expect(plan.anchors == [0, 1, 2, 3, 10, 22])
    }
}
