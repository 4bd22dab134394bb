import Testing
import TokenCore
import TokenReduction

/// The outputs of the originals that match one half of the tokens with the other.
@Suite struct BipartiteParityTests {
    /// What a recipe makes of a fixture's tokens with the original's rounding.
    private func reduce(
        _ fixture: Fixture, with recipe: String, _ parameters: [String: String] = [:], keeping budget: TokenBudget
    ) throws -> (reduction: Reduction, grid: TokenGrid) {
        let grid = try fixture.grid()
        var request = ReductionRequest(budget: budget)
        request.asPublished = true
        return (try RecipeRegistry.recipe(named: recipe, parameters: parameters).reduce(grid, request), grid)
    }

    /// The schedules of the fixtures, 90 + 60 + 30 and 99 + 5 (which only half can follow), as slopes.
    @Test(arguments: [("frame_r16", 1, 0), ("clip_3rounds", 3, -0.5), ("frame_odd_max", 2, -0.55)])
    func tome(_ name: String, rounds: Int, inflect: Double) throws {
        let fixture = try Fixture("tome/\(name)")
        #expect((fixture.parameters["rounds"] as? [Int])?.count == rounds)
        let (reduction, grid) = try reduce(
            fixture, with: "tome",
            [
                "rounds": "\(rounds)", "inflect": "\(inflect)",
                "scope": try #require(fixture.parameters["scope"] as? String),
            ],
            keeping: .tokens(fixture.shape("expected.tokens")[0]))
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["quarter", "eighth_oddN"])
    func aim(_ name: String) throws {
        let fixture = try Fixture("aim/\(name)")
        let divisor = try #require((fixture.parameters["round_divisors"] as? [Int])?.last)
        let (reduction, grid) = try reduce(fixture, with: "aim", keeping: .ratio(1 / Double(divisor)))
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["frame_75", "clip_55", "frame_bsm_60"])
    func pitome(_ name: String) throws {
        let fixture = try Fixture("pitome/\(name)")
        let given = fixture.parameters
        let (reduction, grid) = try reduce(
            fixture, with: "pitome",
            [
                "scope": try #require(given["scope"] as? String), "variant": try #require(given["variant"] as? String),
                "margin": "\(try #require(given["margin"] as? Double))",
                "alpha": "\(try #require(given["alpha"] as? Double))",
            ], keeping: .ratio(try #require(given["ratio"] as? Double)))
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["two_rounds", "one_round_rect"])
    func dymu(_ name: String) throws {
        let fixture = try Fixture("dymu/\(name)")
        let thresholds = try #require(fixture.parameters["thresholds"] as? [Double])
        let (reduction, grid) = try reduce(
            fixture, with: "dymu",
            [
                "rounds": "\(thresholds.count)", "threshold": "\(thresholds[0])",
                "last-threshold": "\(thresholds[thresholds.count - 1])",
            ], keeping: .ratio(0.5))
        expectReduction(reduction, fixture, of: grid)
        #expect(reduction.plan.owners == fixture.integers("expected.codes"))
        var counts = [Int32](repeating: 0, count: grid.shape.frames)
        for anchor in reduction.plan.anchors { counts[Int(anchor) / grid.shape.tokensPerFrame] += 1 }
        #expect(counts == fixture.integers("expected.frame_counts"))
    }
}
