import Testing
import TokenCore

@Suite struct ReductionPlanTests {
    /// A dense copy of the map, for checking the sparse arithmetic against plain matrix products.
    private func dense(_ plan: ReductionPlan) -> [[Float]] {
        (0..<plan.count).map { row in
            var line = [Float](repeating: 0, count: plan.sourceCount)
            for entry in plan.entries(of: row) { line[Int(plan.sources[entry])] += plan.weights[entry] }
            return line
        }
    }

    private let merge = ReductionPlan(
        sourceCount: 6,
        rows: [
            .init(anchor: 1, sources: [4, 1], weights: [0.25, 0.75]),
            .init(anchor: 0, averaging: [0, 2]),
            .init(keeping: 5),
        ])

    @Test func sourcesOfARowAscendWhateverOrderTheyCameIn() {
        #expect(merge.sources == [1, 4, 0, 2, 5])
        #expect(merge.weights == [0.75, 0.25, 0.5, 0.5, 1])
    }

    @Test func sizesAndOwnersFollowFromTheMap() {
        #expect(merge.sizes == [2, 2, 1])
        #expect(merge.owners == [1, 0, 1, -1, 0, 2])
        #expect(merge.isDisjoint)
    }

    @Test func ofOverlappingRowsTheHeavierOwns() {
        let plan = ReductionPlan(
            sourceCount: 3,
            rows: [
                .init(anchor: 0, sources: [0, 1], weights: [0.9, 0.1]),
                .init(anchor: 2, sources: [1, 2], weights: [0.5, 0.5]),
            ])
        #expect(plan.owners == [0, 1, 1])
        #expect(!plan.isDisjoint)
    }

    @Test func applyingIsTheMatrixProduct() {
        let values: [Float] = (0..<12).map { Float($0 * $0) }
        let output = merge.applied(to: TensorBuffer(values), channels: 2)
        let matrix = dense(merge)
        for row in 0..<merge.count {
            for channel in 0..<2 {
                let expected = (0..<6).reduce(Float(0)) { $0 + matrix[row][$1] * values[$1 * 2 + channel] }
                #expect(output[row * 2 + channel] == expected)
            }
        }
        #expect(merge.applied(to: [0, 1, 2, 3, 4, 5]) == [1.75, 1, 5])
    }

    @Test func composingIsTheProductOfTheMaps() {
        let next = ReductionPlan(
            sourceCount: 3, rows: [.init(anchor: 1, sources: [0, 1], weights: [0.5, 0.5]), .init(keeping: 2)])
        let product = merge.composed(with: next)
        let a = dense(merge)
        let b = dense(next)
        for row in 0..<2 {
            for source in 0..<6 {
                let expected = (0..<3).reduce(Float(0)) { $0 + b[row][$1] * a[$1][source] }
                #expect(dense(product)[row][source] == expected)
            }
        }
        #expect(product.anchors == [0, 5])
    }

    @Test func composingOverlappingRowsAddsTheirWeights() {
        let overlapping = ReductionPlan(
            sourceCount: 3,
            rows: [
                .init(anchor: 0, sources: [0, 1], weights: [0.5, 0.5]),
                .init(anchor: 1, sources: [1, 2], weights: [0.5, 0.5]),
            ])
        let product = overlapping.composed(
            with: ReductionPlan(sourceCount: 2, rows: [.init(anchor: 0, averaging: [0, 1])]))
        #expect(dense(product) == [[0.25, 0.5, 0.25]])
        #expect(product.sources == [0, 1, 2])
    }

    @Test func identityChangesNoBit() {
        let values: [Float] = [0.1, -0.0, .greatestFiniteMagnitude, Float(bitPattern: 7)]
        let output = ReductionPlan.identity(2).applied(to: TensorBuffer(values), channels: 2)
        #expect(output.array.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test func readingOrderSortsByAnchor() {
        let sorted = merge.inReadingOrder()
        #expect(sorted.anchors == [0, 1, 5])
        #expect(dense(sorted) == [dense(merge)[1], dense(merge)[0], dense(merge)[2]])
    }

    @Test func aPlanSurvivesItsOwnCheck() throws {
        let copy = try ReductionPlan(
            sourceCount: merge.sourceCount, offsets: merge.offsets, sources: merge.sources, weights: merge.weights,
            anchors: merge.anchors)
        #expect(copy == merge)
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var sourceCount = 4
        var offsets = [0, 2, 3]
        var sources: [Int32] = [0, 1, 3]
        var weights: [Float] = [0.5, 0.5, 1]
        var anchors: [Int32] = [0, 3]
    }

    static let broken: [Broken] = [
        Broken(testDescription: "negative source count", sourceCount: -1),
        Broken(testDescription: "offsets start late", offsets: [1, 2, 3]),
        Broken(testDescription: "offsets end early", offsets: [0, 2, 2]),
        Broken(testDescription: "offsets run past the end", offsets: [0, 9, 3]),
        Broken(testDescription: "offsets descend", offsets: [0, 3, 2], sources: [0, 1], weights: [1, 1]),
        Broken(testDescription: "too few offsets", offsets: [0, 3]),
        Broken(testDescription: "weights missing", weights: [0.5, 0.5]),
        Broken(testDescription: "source out of range", sources: [0, 4, 3]),
        Broken(testDescription: "negative source", sources: [-1, 1, 3]),
        Broken(testDescription: "source twice in a row", sources: [1, 1, 3]),
        Broken(testDescription: "weight not finite", weights: [0.5, .nan, 1]),
        Broken(testDescription: "anchor twice", anchors: [3, 3]),
        Broken(testDescription: "anchor out of range", anchors: [0, 4]),
    ]

    @Test(arguments: broken) func aBrokenPlanIsRefused(_ plan: Broken) {
        let error = #expect(throws: TokenReelError.self) {
            try ReductionPlan(
                sourceCount: plan.sourceCount, offsets: plan.offsets, sources: plan.sources, weights: plan.weights,
                anchors: plan.anchors)
        }
        #expect(error?.code == .invalidArgument)
    }
}
