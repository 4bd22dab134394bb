import Testing
import TokenCore
import TokenReduction

@Suite struct FreeingTests {
    private func freed(_ plan: ReductionPlan, of grid: TokenGrid, to count: Int, workers: Int = 1) throws
        -> ReductionPlan
    {
        var request = ReductionRequest(budget: .tokens(count))
        request.workers = workers
        return Reconciliation(try ReductionInput(grid, request)).reconcile(plan, to: count)
    }

    @Test func ofManyThatLookAlikeOneIsFreed() throws {
        // Three tokens point away from their row, and one to its side.
        let tokens: [[Float]] = [[1, 0], [-1, 0], [-1, 0], [-1, 0], [0, 1]]
        let grid = try TokenGrid(
            shape: GridShape(frames: 5, rows: 1, columns: 1, channels: 2), values: TensorBuffer(tokens.flatMap { $0 }),
            frameTimes: [0, 1, 2, 3, 4])
        let whole = ReductionPlan(
            sourceCount: 5, rows: [.init(anchor: 0, sources: [0, 1, 2, 3, 4], weights: [1, 0, 0, 0, 0])])
        let plan = try freed(whole, of: grid, to: 3)
        #expect(plan.anchors.count { (1...3).contains($0) } == 1)
        #expect(plan.anchors.contains(4))
    }

    @Test func equalTokensAreFreedAllAlong() throws {
        let grid = try RandomGrid.constant(1, frames: 40, rows: 3, columns: 3, channels: 4)
        // A row that is one of its tokens, to the last bit, so that all are equally well represented.
        let weights = (0..<360).map { $0 == 0 ? Float(1) : 0 }
        let whole = ReductionPlan(
            sourceCount: 360, rows: [.init(anchor: 0, sources: Array(0..<360), weights: weights)])
        let plan = try freed(whole, of: grid, to: 81)
        let quarters = (0..<4).map { part in plan.anchors.count { Int($0) / 90 == part } }
        #expect(quarters.allSatisfy { abs($0 - 20) <= 2 }, "\(quarters)")
    }

    /// The least represented first, computed anew for all before each; on four cells and nine frames all are near.
    @Test func followsTheDefinition() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let grid = try RandomGrid.video(frames: 9, rows: 2, columns: 2, channels: 6, seed: seed)
            func unit(_ vector: [Double]) -> [Double] {
                let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return vector.map { $0 / length }
            }
            func token(_ index: Int) -> [Double] { (0..<6).map { Double(grid.values[index * 6 + $0]) } }
            let rows = (0..<4).map { cell in (0..<9).map { $0 * 4 + cell } }
            var kept = rows.map { row in
                unit(row.reduce([Double](repeating: 0, count: 6)) { zip($0, token($1)).map { $0 + $1 } })
            }
            var anchors = [0, 1, 2, 3]
            for _ in 0..<10 {
                let worst = try #require(
                    (0..<36).filter { !anchors.contains($0) }.min { a, b in
                        func best(_ index: Int) -> Double {
                            kept.map { zip($0, unit(token(index))).reduce(0) { $0 + $1.0 * $1.1 } }.max() ?? -1
                        }
                        return best(a) < best(b)
                    })
                anchors.append(worst)
                kept.append(unit(token(worst)))
            }
            let whole = ReductionPlan(sourceCount: 36, rows: rows.map { .init(anchor: $0[0], averaging: $0) })
            let plan = try freed(whole, of: grid, to: 14)
            #expect(plan.anchors.map(Int.init) == anchors.sorted(), "seed \(seed)")
        }
    }

    @Test func threadsChangeNothing() throws {
        let grid = try RandomGrid.video(frames: 20, rows: 6, columns: 6, channels: 12, seed: 9)
        // Every second token is dropped, so that some have owners and others have none.
        let whole = ReductionPlan(
            sourceCount: 720,
            rows: (0..<90).map { row in
                .init(anchor: row * 8, averaging: (0..<4).map { row * 8 + $0 * 2 })
            })
        let plan = try freed(whole, of: grid, to: 300)
        #expect(plan.count == 300)
        #expect(try freed(whole, of: grid, to: 300, workers: 4) == plan)
    }
}
