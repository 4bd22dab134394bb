import Testing
import TokenCore
import TokenReduction

@Suite struct AdaptivePoolMergerTests {
    private func plan(rows: Int, columns: Int, _ budget: TokenBudget, asPublished: Bool = false) throws -> ReductionPlan
    {
        let grid = try RandomGrid.video(frames: 2, rows: rows, columns: columns, channels: 4, seed: 1)
        var request = ReductionRequest(budget: budget)
        request.asPublished = asPublished
        return try RecipeRegistry.recipe(named: "tokenflex").reduce(grid, request).plan
    }

    @Test func theGridHasAboutTheShapeOfTheFrame() throws {
        // 3 x 6 blocks of 2 x 2 tokens each.
        let plan = try plan(rows: 6, columns: 12, .perFrame(18))
        #expect(plan.sizes == [Float](repeating: 4, count: 36))
        #expect(plan.isDisjoint)
    }

    @Test func blocksThatDoNotFitShareTokens() throws {
        // Three parts of four rows are rows 0-1, 1-2 and 2-3.
        let plan = try plan(rows: 4, columns: 1, .perFrame(3), asPublished: false)
        #expect(plan.row(0).sources == [0, 1])
        #expect(plan.row(1).sources == [1, 2])
        #expect(plan.row(2).sources == [2, 3])
    }

    @Test func thePublishedGridIsSquare() throws {
        #expect(try plan(rows: 6, columns: 12, .perFrame(18), asPublished: true).count == 2 * 16)
    }

    @Test(arguments: [1, 5, 17, 40, 71])
    func everyTokenIsInABlock(_ perFrame: Int) throws {
        let plan = try plan(rows: 6, columns: 12, .perFrame(perFrame))
        #expect(plan.count == 2 * perFrame)
        #expect(plan.owners.allSatisfy { $0 >= 0 })
    }
}
