import Testing
import TokenCore
import TokenReduction

@Suite struct ReconciliationTests {
    private func reconciled(_ tokens: [[Float]], _ rows: [ReductionPlan.Row], to count: Int) throws -> ReductionPlan {
        let grid = try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: tokens.count, channels: tokens[0].count),
            values: TensorBuffer(tokens.flatMap { $0 }), frameTimes: [0])
        let input = try ReductionInput(grid, ReductionRequest(budget: .tokens(count)))
        return Reconciliation(input).reconcile(ReductionPlan(sourceCount: tokens.count, rows: rows), to: count)
    }

    @Test func theWorstRepresentedSourceGetsATokenOfItsOwn() throws {
        let plan = try reconciled(
            [[1, 0], [1, 0.1], [-1, 1], [1, -0.1]], [.init(anchor: 0, averaging: [0, 1, 2, 3])], to: 2)
        #expect(plan.anchors == [0, 2])
        #expect(plan.sources == [0, 1, 3, 2])
        let third: Float = 1 / 3
        #expect(plan.weights == [third, third, third, 1])
    }

    @Test func anOrphanThatNothingResemblesComesFirst() throws {
        let plan = try reconciled([[1, 0], [1, 0.2], [0, 1], [1, 0.1]], [.init(keeping: 0)], to: 2)
        #expect(plan.anchors == [0, 2])
        #expect(plan.sizes == [1, 1])
    }

    @Test func weightsThatAllLeftAreReplacedByEqualOnes() throws {
        let plan = try reconciled(
            [[1, 0], [1, 0.1], [-1, 0]], [.init(anchor: 0, sources: [0, 1, 2], weights: [0, 0, 1])], to: 2)
        // The one source with weight is its token's own direction; the worst is 0 or 1, and 0 is the anchor.
        #expect(plan.anchors == [0, 1])
        #expect(plan.row(0).sources == [0, 2])
        let lone = try reconciled([[1, 0], [-1, 0]], [.init(anchor: 0, sources: [0, 1], weights: [1, 0])], to: 2)
        #expect(lone.anchors == [0, 1] && lone.weights == [1, 1])
    }

    @Test func theSmallestRowJoinsItsNearest() throws {
        let plan = try reconciled(
            [[1, 0], [1, 0], [0, 1], [0, 1], [0.1, 1]],
            [.init(anchor: 0, averaging: [0, 1]), .init(anchor: 2, averaging: [2, 3]), .init(keeping: 4)], to: 2)
        #expect(plan.anchors == [0, 2])
        #expect(plan.owners == [0, 0, 1, 1, 1])
        let third: Float = 1 / 3
        #expect(plan.weights[2...].allSatisfy { abs($0 - third) < 1e-6 })
    }

    @Test func weightSumsSurvive() throws {
        var random = RandomNumbers(seed: 51)
        for _ in 0..<50 {
            let tokens = (0..<20).map { _ in random.vector(6) }
            let rows = (0..<5).map { ReductionPlan.Row(anchor: $0 * 4, averaging: Array($0 * 4..<$0 * 4 + 4)) }
            for count in [1, 3, 5, 8, 20] {
                let plan = try reconciled(tokens, rows, to: count)
                #expect(plan.count == count && plan.isDisjoint)
                for row in 0..<count {
                    #expect(abs(plan.entries(of: row).reduce(0) { $0 + plan.weights[$1] } - 1) < 1e-5)
                }
                // Nothing that was represented is lost.
                #expect(plan.owners.allSatisfy { $0 >= 0 })
            }
        }
    }
}
