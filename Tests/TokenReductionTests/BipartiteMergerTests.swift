import Testing
import TokenCore
import TokenReduction

@Suite struct BipartiteMergerTests {
    private func reduce(
        _ recipe: String, _ parameters: [String: String] = [:], _ grid: TokenGrid, _ budget: TokenBudget
    ) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: recipe, parameters: parameters).reduce(grid, ReductionRequest(budget: budget))
            .plan
    }

    private func rows(of plan: ReductionPlan) -> [[Int32]] {
        (0..<plan.count).map { Array(plan.sources[plan.entries(of: $0)]) }
    }

    @Test func everyTokenIsTheMeanOfItsSources() throws {
        let grid = try RandomGrid.video(frames: 4, rows: 5, columns: 5, channels: 12, seed: 3)
        for recipe in ["tome", "longvlm", "tinychart", "tempme", "dymu", "pitome"] {
            let plan = try reduce(recipe, [:], grid, .tokens(21))
            for row in 0..<plan.count {
                let entries = plan.entries(of: row)
                #expect(entries.allSatisfy { abs(plan.weights[$0] * Float(entries.count) - 1) < 1e-5 }, "\(recipe)")
            }
            #expect(plan.sizes.reduce(0, +) == 100)
        }
        // AIM counts a merged token once however many it stands for, so its weights differ within a row.
        let plan = try reduce("aim", [:], grid, .tokens(21))
        #expect((0..<plan.count).contains { Set(plan.weights[plan.entries(of: $0)]).count > 1 })
    }

    @Test func framesShareTheBudgetAndKeepToThemselves() throws {
        let grid = try RandomGrid.video(frames: 4, rows: 3, columns: 4, channels: 10, seed: 5)
        for recipe in ["tome", "aim", "pitome", "tinychart"] {
            let plan = try reduce(recipe, [:], grid, .perFrame(5))
            #expect((0..<4).allSatisfy { frame in plan.anchors.filter { Int($0) / 12 == frame }.count == 5 })
            #expect(rows(of: plan).allSatisfy { row in row.allSatisfy { $0 / 12 == row[0] / 12 } })
        }
        let clip = try reduce("tome", ["scope": "clip"], grid, .perFrame(3))
        #expect(rows(of: clip).contains { row in row.contains { $0 / 12 != row[0] / 12 } })
    }

    @Test func theFirstFrameStaysWholeWhereTheBudgetAllows() throws {
        let grid = try RandomGrid.video(frames: 4, rows: 3, columns: 4, channels: 10, seed: 6)
        let plan = try reduce("auroracap", [:], grid, .tokens(21))
        #expect(plan.anchors.prefix(12).elementsEqual(0..<12))
        #expect(plan.sizes.prefix(12).allSatisfy { $0 == 1 })
        #expect((1..<4).allSatisfy { frame in plan.anchors.filter { Int($0) / 12 == frame }.count == 3 })
        // With 9 tokens for 4 frames, 6 go to the first and one to each of the others.
        let tight = try reduce("auroracap", [:], grid, .tokens(9))
        #expect(tight.anchors.filter { $0 < 12 }.count == 6)
        // The original has no such limit.
        var request = ReductionRequest(budget: .tokens(9))
        request.asPublished = true
        let published = try RecipeRegistry.recipe(named: "auroracap", parameters: ["rounds": "3"])
            .reduce(grid, request).plan
        #expect(published.anchors.prefix(12).elementsEqual(0..<12))
        #expect(published.anchors.filter { $0 >= 12 }.count == 3 * 3)
    }

    @Test func isolatedTokensAreProtectedByTheirEnergy() throws {
        // Fifteen tokens about one direction and one far from all, on an even place where ToMe may merge it.
        var random = RandomNumbers(seed: 2)
        var values = (0..<16).flatMap { _ -> [Float] in [1 + 0.1 * random.signed(), 0.1 * random.signed(), 0] }
        values.replaceSubrange(6 * 3..<7 * 3, with: [0, 0, 1])
        let grid = try TokenGrid(
            shape: GridShape(frames: 1, rows: 4, columns: 4, channels: 3), values: TensorBuffer(values),
            frameTimes: [0])
        let plan = try reduce("pitome", [:], grid, .tokens(8))
        #expect(rows(of: plan).contains([6]))
        // Protection ends where the budget needs the token.
        #expect(try reduce("pitome", [:], grid, .tokens(1)).sizes == [16])
    }

    @Test func plainFramesKeepFewerTokensThanRichOnes() throws {
        var random = RandomNumbers(seed: 9)
        let plain = random.vector(10)
        let values =
            (0..<16).flatMap { _ in plain.map { $0 + 0.05 * random.signed() } } + random.vector(16 * 10)
        let grid = try TokenGrid(
            shape: GridShape(frames: 2, rows: 4, columns: 4, channels: 10), values: TensorBuffer(values),
            frameTimes: [0, 1])
        let plan = try reduce("dymu", [:], grid, .tokens(16))
        #expect(plan.anchors.filter { $0 < 16 }.count < plan.anchors.filter { $0 >= 16 }.count)
        // Pairs below a threshold wait until all that are above it have merged.
        let floored = try reduce("dymu", ["threshold": "0.9", "last-threshold": "0.9"], grid, .tokens(22))
        #expect(floored.anchors.filter { $0 >= 16 }.count == 16)
    }

    @Test func joinedClipsMergeAcrossTime() throws {
        let grid = try RandomGrid.video(frames: 8, rows: 3, columns: 4, channels: 10, seed: 8)
        let joined = try reduce("tempme", ["join-3": "1"], grid, .ratio(0.4))
        #expect(rows(of: joined).contains { row in row.contains { $0 / 12 != row[0] / 12 } })
        // Clips of four frames never meet, and without joining frames don't either.
        #expect(rows(of: joined).allSatisfy { row in row.allSatisfy { $0 / 48 == row[0] / 48 } })
        let apart = try reduce("tempme", ["join-1": "1", "join-2": "1", "join-3": "1"], grid, .ratio(0.4))
        #expect(rows(of: apart).allSatisfy { row in row.allSatisfy { $0 / 12 == row[0] / 12 } })
    }

    @Test func theReferenceFrameIsNeverMergedAway() throws {
        let grid = try RandomGrid.video(frames: 6, rows: 4, columns: 6, channels: 10, seed: 4)
        // 24 destinations in the first frame and 6 in each other one leave room for some more.
        let plan = try reduce("fastvggt", ["protection": "0"], grid, .tokens(60))
        #expect(plan.anchors.prefix(24).elementsEqual(0..<24))
        #expect(plan.sizes.prefix(24).contains { $0 > 1 })
        for frame in 1..<6 {
            for block in 0..<6 {
                let cells = [0, 1, 6, 7].map { frame * 24 + block / 3 * 12 + block % 3 * 2 + $0 }
                #expect(plan.anchors.contains { cells.contains(Int($0)) })
            }
        }
        #expect(try reduce("fastvggt", ["protection": "0", "seed": "4"], grid, .tokens(60)) != plan)
        // Below that number merging goes on, and every source is still represented.
        #expect(try reduce("fastvggt", [:], grid, .tokens(10)).sizes.reduce(0, +) == 144)
    }
}
