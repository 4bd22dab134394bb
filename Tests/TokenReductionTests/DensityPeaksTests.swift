import Foundation
import Testing
import TokenReduction

@Suite struct DensityPeaksTests {
    /// The definition in double precision, pair by pair.
    private func reference(_ values: [Float], channels: Int, count: Int, neighbours: Int) -> (
        centres: [Int], assignment: [Int]
    ) {
        let n = values.count / channels
        func distance(_ i: Int, _ j: Int) -> Double {
            (0..<channels).reduce(0.0) {
                $0 + pow(Double(values[i * channels + $1]) - Double(values[j * channels + $1]), 2)
            }.squareRoot() / Double(channels).squareRoot()
        }
        let rho = (0..<n).map { i in
            exp(-(0..<n).map { pow(distance(i, $0), 2) }.sorted().prefix(neighbours).reduce(0, +) / Double(neighbours))
        }
        let widest = (0..<n).flatMap { i in (0..<n).map { distance(i, $0) } }.max() ?? 0
        let delta = (0..<n).map { i in (0..<n).filter { rho[$0] > rho[i] }.map { distance(i, $0) }.min() ?? widest }
        let centres = (0..<n).sorted { rho[$0] * delta[$0] > rho[$1] * delta[$1] }.prefix(count).sorted()
        let assignment = (0..<n).map { i in
            centres.firstIndex(of: i) ?? centres.indices.min { distance(i, centres[$0]) < distance(i, centres[$1]) }
                ?? 0
        }
        return (centres, assignment)
    }

    @Test(arguments: 1...12)
    func agreesWithTheDefinition(_ seed: Int) {
        var random = RandomNumbers(seed: UInt64(seed))
        let n = 6 + random.below(40)
        let channels = 1 + random.below(20)
        let count = 1 + random.below(n)
        // With fewer neighbours mutual nearest tokens are equally dense, and the definition leaves open what then.
        let neighbours = 4 + random.below(6)
        let values = random.vector(n * channels)
        let found = values.withUnsafeBufferPointer {
            DensityPeaks($0, channels: channels, count: count, neighbours: min(neighbours, n))
        }
        let expected = reference(values, channels: channels, count: count, neighbours: min(neighbours, n))
        #expect(found.centres == expected.centres)
        #expect(found.assignment == expected.assignment)
        #expect(found.members.flatMap { $0 }.sorted() == Array(0..<n))
    }

    @Test func equalTokensGiveTheLowestIndices() {
        let values = [Float](repeating: 0.25, count: 6 * 3)
        let found = values.withUnsafeBufferPointer { DensityPeaks($0, channels: 3, count: 2, neighbours: 4) }
        #expect(found.centres == [0, 1])
        #expect(found.assignment == [0, 1, 0, 0, 0, 0])
    }
}
