import Testing
import TokenCore
import TokenReduction

/// Window and keep-and-merge methods: against the original's output where it runs, else against NumPy from the
/// formulas.
@Suite struct TemporalParityTests {
    private func published(
        _ method: String, _ grid: TokenGrid, _ parameters: [String: String], _ budget: TokenBudget = .ratio(0.5)
    ) throws -> Reduction {
        var request = ReductionRequest(budget: budget)
        request.asPublished = true
        request.workers = 2
        return try RecipeRegistry.recipe(named: method, parameters: parameters).reduce(grid, request)
    }

    @Test(arguments: ["w3_t80", "w2_t70"])
    func mustdrop(_ name: String) throws {
        let fixture = try Fixture("mustdrop/\(name)")
        let grid = try fixture.grid()
        let window = try #require(fixture.parameters["window"] as? Int)
        let threshold = try #require(fixture.parameters["threshold"] as? Double)
        let reduction = try published("mustdrop", grid, ["window": "\(window)", "threshold": "\(threshold)"])
        expectReduction(reduction, fixture, of: grid)
        let merged = (0..<grid.shape.frames).map { frame in
            reduction.plan.sizes.indices.count {
                reduction.plan.sizes[$0] > 1 && grid.position(of: Int(reduction.plan.anchors[$0])).frame == frame
            }
        }
        #expect(merged == fixture.integers("expected.merged_windows").map(Int.init))
    }

    @Test(
        arguments: [
            ("tdtm", "odd"), ("tokenflex", "2x2"), ("kvmerger", "eps75"), ("ems", "tau50"), ("cca", "time"),
            ("cca", "raster"), ("evlgen", "every3"), ("cove", "tau80"), ("pvc", "rank6"),
        ])
    func formulas(_ method: String, _ name: String) throws {
        let fixture = try Fixture("oracle-\(method)/\(name)")
        let grid = try fixture.grid()
        let count = try #require(fixture.parameters["count"] as? Int)
        let parameters = try #require(fixture.parameters["set"] as? [String: String])
        expectReduction(try published(method, grid, parameters, .tokens(count)), fixture, of: grid)
    }
}
