import Testing
import TokenCore
import TokenReduction

@Suite struct ReductionQualityTests {
    @Test func agreesWithTheDefinition() throws {
        let grid = try RandomGrid.video(frames: 5, rows: 4, columns: 3, channels: 9, seed: 31)
        let plan = ReductionPlan(
            sourceCount: 60,
            rows: [.init(keeping: 3), .init(anchor: 10, averaging: [9, 10, 30]), .init(keeping: 44)])
        func token(_ index: Int) -> [Float] { (0..<9).map { grid.values[index * 9 + $0] } }
        let outputs = [token(3), (0..<9).map { (token(9)[$0] + token(10)[$0] + token(30)[$0]) / 3 }, token(44)]
        func cosine(_ a: [Float], _ b: [Float]) -> Double {
            let dot = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            func norm(_ v: [Float]) -> Double { v.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
            return dot / norm(a) / norm(b)
        }
        let best = (0..<60).map { source in outputs.map { cosine(token(source), $0) }.max() ?? 0 }
        let owned = [(3, 0), (9, 1), (10, 1), (30, 1), (44, 2)].reduce(0.0) { $0 + cosine(token($1.0), outputs[$1.1]) }
        let quality = ReductionQuality.measure(plan, on: grid, workers: 2)
        #expect(abs(quality.coverage - best.reduce(0, +) / 60) < 1e-5)
        #expect(abs(quality.coverageP05 - best.sorted()[2]) < 1e-5)
        #expect(abs(quality.fidelity - owned / 60) < 1e-5)
        #expect(abs(quality.density - quality.coverage / 3) < 1e-9)
        #expect(quality.measuredTokens == 60)
    }

    @Test func keepingEverythingIsPerfect() throws {
        let grid = try RandomGrid.video(frames: 3, rows: 2, columns: 2, channels: 5, seed: 32)
        let quality = ReductionQuality.measure(.identity(12), on: grid, workers: 1)
        #expect(abs(quality.coverage - 1) < 1e-6 && abs(quality.fidelity - 1) < 1e-6 && quality.coverageP05 > 0.99999)
    }
}
