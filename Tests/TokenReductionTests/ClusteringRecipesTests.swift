import Testing
import TokenCore
import TokenReduction

/// What the methods that segment and cluster make of a budget, which their originals don't know.
@Suite struct ClusteringRecipesTests {
    private static let merging = ["fastvid", "prunevid", "flashvid", "sttm", "llava-scissor", "visionzip", "hbi"]

    private func grid(_ seed: UInt64 = 4) throws -> TokenGrid {
        try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 24, rows: 7, columns: 6, channels: 40, seed: seed))
    }

    private func reduce(
        _ name: String, _ grid: TokenGrid, _ budget: TokenBudget, _ parameters: [String: String] = [:]
    ) throws -> ReductionPlan {
        try RecipeRegistry.recipe(named: name, parameters: parameters).reduce(grid, ReductionRequest(budget: budget))
            .plan
    }

    @Test(arguments: merging, [0.05, 0.2, 0.6])
    func tokensAreMeans(_ name: String, ratio: Double) throws {
        let plan = try reduce(name, grid(), .ratio(ratio))
        for row in 0..<plan.count {
            let weights = plan.weights[plan.entries(of: row)]
            #expect(weights.allSatisfy { $0 >= 0 })
            #expect(abs(weights.reduce(0, +) - 1) < 1e-4)
        }
    }

    @Test(arguments: ["prunevid", "flashvid", "sttm", "hbi"])
    func everySourceIsInSomeTokenWhereNothingIsDropped(_ name: String) throws {
        let plan = try reduce(name, grid(), .ratio(0.5))
        #expect(plan.sizes.reduce(0, +) == Float(plan.sourceCount))
    }

    @Test(arguments: merging + ["dycoke"])
    func aStillVideoNeedsFewTokensToBeRepresented(_ name: String) throws {
        let frames = 12
        let still = try RandomGrid.video(frames: 1, rows: 4, columns: 4, channels: 16, seed: 9)
        let shape = try GridShape(frames: frames, rows: 4, columns: 4, channels: 16)
        let values = (0..<frames).flatMap { _ in still.values.array }
        let grid = try RandomGrid.withAllSignals(
            TokenGrid(shape: shape, values: TensorBuffer(values), frameTimes: (0..<frames).map(Double.init)))
        // Neither may join different cells of a frame first.
        let parameters = ["sttm": ["tau": "0.99"], "hbi": ["ratio": "1"]]
        let plan = try reduce(name, grid, .ratio(0.5), parameters[name] ?? [:])
        let quality = ReductionQuality.measure(plan, on: grid, workers: 1)
        // Half of all tokens is six times as many as there are different ones.
        #expect(quality.coverage > 0.98, "\(quality.coverage)")
    }

    @Test func wholeFramesOfDycokeTakeTheShareOfTheirRate() throws {
        let grid = try grid()
        let cells = grid.shape.tokensPerFrame
        func whole(_ ratio: Double, _ rate: String) throws -> [Int] {
            let anchors = try reduce("dycoke", grid, .ratio(ratio), ["rate": rate]).anchors
            return (0..<24).filter { frame in anchors.count { Int($0) / cells == frame } == cells }
        }
        // At the ratio that the rate stands for, the published pattern.
        #expect(try whole(0.475, "0.7") == [0, 4, 8, 12, 16, 20])
        #expect(try whole(0.25, "1") == [0, 4, 8, 12, 16, 20])
        #expect(try whole(0.24, "0.7") == [0, 8, 16])
        #expect(try whole(0.06, "0.7") == [0])
        #expect(try whole(0.01, "0.7").isEmpty)
    }

    @Test func visionzipSplitsTheBudgetInProportion() throws {
        let grid = try grid()
        let plan = try reduce("visionzip", grid, .perFrame(8), ["dominant": "3", "contextual-tokens": "1"])
        let cells = grid.shape.tokensPerFrame
        for frame in 0..<24 {
            let rows = plan.anchors.indices.filter { Int(plan.anchors[$0]) / cells == frame }
            #expect(rows.count == 8)
            // Of 36 tokens that are not dominant, two stay as targets and 34 join them.
            #expect(rows.reduce(0) { $0 + plan.entries(of: $1).count } == cells)
            #expect(rows.count { plan.entries(of: $0).count == 1 } >= 6)
        }
    }

    @Test func fastvidAssignsEveryOtherTokenToACentreOfEachAnchorFrame() throws {
        let grid = try grid()
        let plan = try reduce("fastvid", grid, .ratio(0.2), ["min-segments": "1", "segment-tau": "-1"])
        let cells = grid.shape.tokensPerFrame
        var times = [Int](repeating: 0, count: plan.sourceCount)
        for row in 0..<plan.count where plan.entries(of: row).count > 1 {
            for source in plan.sources[plan.entries(of: row)] { times[Int(source)] += 1 }
        }
        // One segment of 24 frames has six anchor frames, counted from its end.
        #expect(Set(times) == [0, 6])
        let frames = Set(
            (0..<plan.count).filter { plan.entries(of: $0).count > 1 }.map { Int(plan.anchors[$0]) / cells })
        #expect(frames == [3, 7, 11, 15, 19, 23])
    }

    @Test func framesThatAnswerTheQuestionGetMoreOfTheBudget() throws {
        let grid = try RandomGrid.video(frames: 8, rows: 5, columns: 5, channels: 32, seed: 3)
        let cells = grid.shape.tokensPerFrame
        // The question shows the last frame.
        let values = Array(grid.values.array[7 * cells * 32..<8 * cells * 32])
        let mean = (0..<32).map { channel in
            stride(from: channel, to: values.count, by: 32).reduce(Float(0)) { $0 + values[$1] } / Float(cells)
        }
        var request = ReductionRequest(budget: .ratio(0.2))
        request.query = try Query(vectors: mean, channels: 32)
        let plan = try RecipeRegistry.recipe(named: "hbi", parameters: ["window": "1"]).reduce(grid, request).plan
        let counts = (0..<8).map { frame in plan.anchors.count { Int($0) / cells == frame } }
        #expect(counts[7] == counts.max())
        #expect(counts[7] > counts[0])
    }

    @Test func flashvidDoesWithoutSaliencyWhereDistancesAreNotWeighted() throws {
        let grid = try RandomGrid.video(
            frames: 6, rows: 4, columns: 4, channels: 12, seed: 2, hasSaliency: false)
        #expect(throws: TokenReelError.self) { try reduce("flashvid", grid, .ratio(0.3)) }
        #expect(try reduce("flashvid", grid, .ratio(0.3), ["weights": "none"]).count == 29)
    }
}
