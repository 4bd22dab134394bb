import Testing
import TokenCore
import TokenReduction

@Suite struct FoldingTests {
    private func grid(_ frames: [[[Float]]]) throws -> TokenGrid {
        try TokenGrid(
            shape: GridShape(frames: frames.count, rows: 1, columns: frames[0].count, channels: frames[0][0].count),
            values: TensorBuffer(frames.flatMap { $0.flatMap { $0 } }), frameTimes: frames.indices.map(Double.init))
    }

    private func folded(_ plan: ReductionPlan, of grid: TokenGrid, to count: Int, workers: Int = 1) throws
        -> ReductionPlan
    {
        var request = ReductionRequest(budget: .tokens(count))
        request.workers = workers
        return Reconciliation(try ReductionInput(grid, request)).reconcile(plan, to: count)
    }

    /// How many rows are anchored in each quarter of the frames.
    private func quarters(_ plan: ReductionPlan, of grid: TokenGrid) -> [Int] {
        let quarter = grid.shape.tokenCount / 4
        return (0..<4).map { part in plan.anchors.count { Int($0) / quarter == part } }
    }

    /// Without this rule what stands still kept its end only, as its first rows were folded first.
    @Test(arguments: [Float(0), 0.05])
    func aStationaryClipThinsOutAllAlong(noise: Float) throws {
        var random = RandomNumbers(seed: 3)
        let scene = (0..<9).map { _ in random.vector(16) }
        let grid = try grid((0..<40).map { _ in scene.map { $0.map { $0 + noise * random.signed() } } })
        for count in [288, 180, 90] {
            let plan = try folded(.identity(360), of: grid, to: count)
            #expect(plan.count == count && plan.isDisjoint && plan.owners.allSatisfy { $0 >= 0 })
            let quarters = quarters(plan, of: grid)
            #expect(quarters.allSatisfy { abs($0 - count / 4) <= count / 16 }, "\(count): \(quarters)")
            #expect(ReductionQuality.measure(plan, on: grid, workers: 1).coverageP05 > 0.99)
        }
    }

    @Test func ofTwoThatAreAlikeOneStays() throws {
        let plan = try folded(.identity(4), of: grid([[[1, 0], [1, 0], [0, 1], [0.1, 1]]]), to: 2)
        #expect(plan.owners[0] == plan.owners[1] && plan.owners[2] == plan.owners[3])
        #expect(plan.owners[0] != plan.owners[2])
        #expect(plan.sizes == [2, 2])
    }

    @Test func aRowOfManySourcesIsDearerToFold() throws {
        // The first two rows are nearest to each other, but the third stands for one source only.
        let directions: [[Float]] = [[1, 0], [1, 0.3], [1, -0.4]]
        let tokens = [0, 0, 0, 0, 1, 1, 1, 1, 2].map { directions[$0] }
        let rows: [ReductionPlan.Row] = [
            .init(anchor: 0, averaging: [0, 1, 2, 3]), .init(anchor: 4, averaging: [4, 5, 6, 7]), .init(keeping: 8),
        ]
        let plan = try folded(ReductionPlan(sourceCount: 9, rows: rows), of: grid([tokens]), to: 2)
        #expect(plan.owners == [0, 0, 0, 0, 1, 1, 1, 1, 0])
    }

    /// Rows leave in the order of what folding them loses, computed anew for all before each; of two that are each
    /// other's nearest the first in spread order.
    @Test func followsTheDefinition() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let grid = try RandomGrid.video(frames: 4, rows: 3, columns: 3, channels: 6, seed: seed)
            var rows = (0..<36).map { (members: [$0], isLeft: true) }
            func token(_ index: Int) -> [Double] { (0..<6).map { Double(grid.values[index * 6 + $0]) } }
            func cosine(_ a: Int, _ b: Int) -> Double {
                func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
                return dot(token(a), token(b)) / (dot(token(a), token(a)) * dot(token(b), token(b))).squareRoot()
            }
            for _ in 0..<24 {
                let left = Ranking.spread(36).filter { rows[$0].isLeft }
                let pairs = left.map { row in
                    (row, left.filter { $0 != row }.max { cosine(row, $0) < cosine(row, $1) } ?? row)
                }
                let (row, partner) = try #require(
                    pairs.min {
                        func loss(_ pair: (Int, Int)) -> Double {
                            Double(rows[pair.0].members.count) * (1 - cosine(pair.0, pair.1))
                        }
                        return loss($0) < loss($1)
                    })
                rows[row].isLeft = false
                rows[partner].members += rows[row].members
            }
            let plan = try folded(.identity(36), of: grid, to: 12)
            let expected = rows.indices.filter { rows[$0].isLeft }
            #expect(plan.anchors.map(Int.init) == expected, "seed \(seed)")
            for (row, anchor) in expected.enumerated() {
                #expect(plan.row(row).sources == rows[anchor].members.sorted(), "seed \(seed)")
            }
        }
    }

    @Test func rowsFarApartAreFoldedToo() throws {
        let grid = try RandomGrid.video(frames: 100, rows: 3, columns: 4, channels: 5, seed: 6)
        for count in [1, 2, 5] {
            let plan = try folded(.identity(1200), of: grid, to: count)
            #expect(plan.count == count && plan.isDisjoint && plan.owners.allSatisfy { $0 >= 0 })
        }
    }

    @Test func threadsChangeNothing() throws {
        let grid = try RandomGrid.video(frames: 20, rows: 6, columns: 6, channels: 12, seed: 8)
        let plan = try folded(.identity(720), of: grid, to: 200)
        #expect(try folded(.identity(720), of: grid, to: 200, workers: 4) == plan)
    }
}
