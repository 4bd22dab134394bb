import Testing
import TokenCore
import TokenReduction

@Suite struct PrefixOrderTests {
    private func cosines(_ grid: TokenGrid, _ plan: ReductionPlan) -> [[Float]] {
        let channels = grid.shape.channels
        func unit(_ token: ArraySlice<Float>) -> [Float] {
            let norm = token.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return token.map { norm > 0 ? $0 / norm : 0 }
        }
        let tokens = plan.applied(to: grid.values, channels: channels).array
        let sources = grid.values.array
        return (0..<plan.count).map { row in
            let output = unit(tokens[row * channels..<(row + 1) * channels])
            return (0..<plan.sourceCount).map { source in
                zip(output, unit(sources[source * channels..<(source + 1) * channels])).reduce(0) { $0 + $1.0 * $1.1 }
            }
        }
    }

    private func coverage(_ rows: [Int], _ table: [[Float]]) -> Double {
        let best = table[0].indices.map { source in rows.map { Double(table[$0][source]) }.max() ?? -1 }
        return best.reduce(0, +) / Double(best.count)
    }

    private func plan(_ grid: TokenGrid, _ count: Int, order: TokenOrder = .reading) throws -> Reduction {
        var request = ReductionRequest(budget: .tokens(count))
        request.order = order
        return try RecipeRegistry.recipe(named: "evs").reduce(grid, request)
    }

    @Test(arguments: [1, 2, 3])
    func everyStepIsTheGreedyOne(seed: UInt64) throws {
        let grid = try RandomGrid.video(frames: 6, rows: 3, columns: 4, channels: 10, seed: seed)
        let plan = try plan(grid, 30).plan
        let order = PrefixOrder(of: plan, on: grid, workers: 2)
        let table = cosines(grid, plan)
        #expect(order.rows.sorted() == Array(0..<30))
        for length in 0..<30 {
            let taken = Array(order.rows.prefix(length))
            let reached = coverage(taken + [order.rows[length]], table)
            let best = (0..<30).filter { !taken.contains($0) }.map { coverage(taken + [$0], table) }.max() ?? 0
            #expect(reached > best - 1e-6)
            #expect(abs(order.coverage[length] - reached) < 1e-5)
        }
    }

    @Test func coverageOfPrefixesNeverFallsAndStepsNeverGrow() throws {
        let grid = try RandomGrid.video(frames: 30, rows: 6, columns: 6, channels: 12, seed: 8)
        let order = PrefixOrder(of: try plan(grid, 200).plan, on: grid, workers: 1)
        let steps = zip(order.coverage, order.coverage.dropFirst()).map { $1 - $0 }
        #expect(steps.allSatisfy { $0 >= 0 })
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $1 <= $0 + 1e-6 })
        #expect(order.coverage == PrefixOrder(of: try plan(grid, 200).plan, on: grid, workers: 3).coverage)
    }

    @Test func ofEqualTokensTheFirstReadComesFirst() throws {
        let grid = try RandomGrid.constant(1, frames: 4, rows: 2, columns: 2, channels: 3)
        #expect(PrefixOrder(of: .identity(16), on: grid, workers: 1).rows == Array(0..<16))
    }

    @Test func aRecipeWritesThatOrder() throws {
        let grid = try RandomGrid.video(frames: 9, rows: 4, columns: 4, channels: 20, seed: 3)
        let (reading, prefix) = (try plan(grid, 40), try plan(grid, 40, order: .prefix))
        let order = PrefixOrder(of: reading.plan, on: grid, workers: 1)
        #expect(prefix.plan == reading.plan.selecting(order.rows))
        #expect(prefix.prefixCoverage == order.coverage && reading.prefixCoverage == nil)
        #expect(prefix.plan.anchors != reading.plan.anchors)
    }
}
