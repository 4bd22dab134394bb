import Testing
import TokenCore
import TokenReduction

/// The outputs of the originals that match one half of the tokens with the other.
@Suite struct BipartiteParityTests {
    /// What a recipe makes of a fixture's tokens with the original's rounding.
    private func reduce(
        _ fixture: Fixture, with recipe: String, _ parameters: [String: String] = [:], keeping budget: TokenBudget
    ) throws -> (reduction: Reduction, grid: TokenGrid) {
        let grid = try fixture.gridWithFrameFeatures()
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

    @Test(arguments: ["12f_2_2_3", "8f_rect"])
    func tempme(_ name: String) throws {
        let fixture = try Fixture("tempme/\(name)")
        let given = fixture.parameters
        let joins = try #require(given["join"] as? [Int]) + [1]
        let (reduction, grid) = try reduce(
            fixture, with: "tempme",
            [
                "join-1": "\(joins[0])", "join-2": "\(joins[1])", "join-3": "\(joins[2])",
                "cross": "\(try #require(given["cross_ratio"] as? Double))",
                "intra": "\(try #require(given["intra_ratio"] as? Double))",
            ], keeping: .ratio(0.5))
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["2x4f", "3x3f_rect"])
    func longvlm(_ name: String) throws {
        let fixture = try Fixture("longvlm/\(name)")
        let (reduction, grid) = try reduce(
            fixture, with: "longvlm",
            [
                "segments": "\(fixture.shape("expected.segments")[0])",
                "groups": "\(try #require(fixture.parameters["groups"] as? Int))",
            ], keeping: .tokens(fixture.shape("expected.tokens")[0]))
        expectReduction(reduction, fixture, of: grid)
    }

    /// The original emits a destination that is also protected twice, of which the first, merged one is ours; and it
    /// orders destinations by a sort that is not stable, so they are compared in reading order.
    @Test(arguments: ["r50", "r90_protect"])
    func fastvggt(_ name: String) throws {
        let fixture = try Fixture("fastvggt/\(name)")
        let given = fixture.parameters
        let grid = try fixture.grid()
        let shape = grid.shape
        var request = ReductionRequest(budget: .ratio(1 - (try #require(given["merge_ratio"] as? Double))))
        request.asPublished = true
        let merger = ReferenceFrameMerger(
            stride: try #require(given["sx"] as? Int), isProtecting: try #require(given["protection"] as? Bool),
            draws: fixture.integers("dst_choice").map(Int.init))
        let plan = try merger.plan(
            for: ReductionInput(grid, request), segments: [Segment(start: 0, end: shape.frames)], count: 1)

        let places = fixture.integers("expected.positions")
        let positions = stride(from: 0, to: places.count, by: 3).map {
            (Int(places[$0]) * shape.rows + Int(places[$0 + 1])) * shape.columns + Int(places[$0 + 2])
        }
        let unmerged = Int(fixture.integers("expected.partition")[0])
        #expect(plan.anchors.prefix(unmerged).map(Int.init) == Array(positions.prefix(unmerged)))
        var seen: Set<Int> = []
        let rows = positions.indices.filter { seen.insert(positions[$0]).inserted }
            .sorted { positions[$0] < positions[$1] }
        let ours = plan.inReadingOrder()
        #expect(ours.anchors.map(Int.init) == rows.map { positions[$0] })
        #expect(ours.sizes == rows.map { fixture.floats("expected.sizes")[$0] })
        let tokens = fixture.floats("expected.tokens")
        expectClose(
            ours.applied(to: grid.values, channels: shape.channels).array,
            rows.flatMap { tokens[shape.channels * $0..<shape.channels * ($0 + 1)] })
    }

    @Test(arguments: ["v1", "v2", "v2_cap", "v3", "v3_cap", "v4", "v5"])
    func quota(_ name: String) throws {
        let fixture = try Fixture("quota/\(name)")
        let given = fixture.parameters
        let grid = try fixture.grid()
        let total = try #require(given["enhance_total"] as? Int) * (try #require(given["enhance_tokens"] as? Int))
        var request = ReductionRequest(budget: .tokens(total))
        request.asPublished = true
        let version = try #require(given["version"] as? String)
        let merger = QueryBudgetMerger(
            ParameterValues([
                "reducer": Double(try #require(version.last?.wholeNumberValue)) - 1, "temperature": 1, "sharpness": 2,
            ]))
        let plan = try merger.plan(
            for: ReductionInput(grid, request), frameWeights: fixture.floats("frame_weights").map(Double.init),
            count: total)
        var counts = [Int32](repeating: 0, count: grid.shape.frames)
        for anchor in plan.anchors { counts[Int(anchor) / grid.shape.tokensPerFrame] += 1 }
        #expect(counts.filter { $0 > 0 } == fixture.integers("expected.emitted_counts"))
        expectClose(
            plan.applied(to: grid.values, channels: grid.shape.channels).array, fixture.floats("expected.tokens"))
    }

    @Test(arguments: ["merge10", "dedup_only", "dedup_merge7"])
    func bVLLM(_ name: String) throws {
        let fixture = try Fixture("b-vllm/\(name)")
        let given = fixture.parameters
        let threshold = try #require(given["dedup"] as? Bool) ? try #require(given["dedup_threshold"] as? Double) : 1
        let (reduction, grid) = try reduce(
            fixture, with: "b-vllm", ["duplicates": "\(threshold)"],
            keeping: .tokens(fixture.shape("expected.tokens")[0]))
        if fixture.has("expected.frames_kept") {
            let frames = Set(reduction.plan.anchors.map { Int($0) / grid.shape.tokensPerFrame })
            #expect([Int32(frames.count)] == fixture.integers("expected.frames_kept"))
        }
        expectClose(
            reduction.plan.applied(to: grid.values, channels: grid.shape.channels).array,
            fixture.floats("expected.tokens"))
    }

    // MARK: Formulas without a reference fixture, computed in double precision

    @Test(arguments: ["auroracap", "tinychart"])
    func constantPaceOverLayers(_ recipe: String) throws {
        let fixture = try Fixture("oracle-\(recipe)/layers")
        let (reduction, grid) = try reduce(
            fixture, with: recipe, ["rounds": "\(try #require(fixture.parameters["rounds"] as? Int))"],
            keeping: .ratio(try #require(fixture.parameters["kept"] as? Double)))
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["spread", "rank"])
    func langdc(_ name: String) throws {
        let fixture = try Fixture("oracle-langdc/\(name)")
        let given = fixture.parameters
        let grid = try fixture.grid()
        let recipe = try RecipeRegistry.recipe(
            named: "langdc",
            parameters: [
                "density": name, "segments": "\(try #require(given["segments"] as? Int))",
                "floor": "\(try #require(given["floor"] as? Double))",
                "sharpness": "\(try #require(given["sharpness"] as? Int))",
            ])
        let count = try #require(given["count"] as? Int)
        let reduction = try recipe.reduce(grid, ReductionRequest(budget: .tokens(count)))
        expectReduction(reduction, fixture, of: grid)
        let counts = reduction.segments.map { segment in
            Int32(reduction.plan.anchors.filter { segment.frames.contains(Int($0) / grid.shape.tokensPerFrame) }.count)
        }
        #expect(counts == fixture.integers("expected.segment_counts"))
    }
}

extension Fixture {
    /// The grid with its frame features, where the fixture has some.
    fileprivate func gridWithFrameFeatures() throws -> TokenGrid {
        let grid = try grid()
        return try TokenGrid(
            shape: grid.shape, values: grid.values, frameTimes: grid.frameTimes,
            frameFeatures: has("frame_features") ? floats("frame_features") : nil)
    }
}
