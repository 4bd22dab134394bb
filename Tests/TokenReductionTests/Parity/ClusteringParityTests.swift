import Foundation
import Testing
import TokenCore
import TokenReduction

/// The originals' outputs of the methods that segment and cluster, on the same tensors.
@Suite struct ClusteringParityTests {
    /// Runs a recipe as published with parameters named as in the fixture.
    private func reduce(
        _ recipe: String, _ fixture: Fixture, _ grid: TokenGrid, ratio: String? = nil, _ names: [String: String],
        _ words: [String: String] = [:]
    ) throws -> Reduction {
        let given = try names.mapValues { name in "\(try #require(fixture.parameters[name] as? NSNumber))" }
        let share = try ratio.map { try #require(fixture.parameters[$0] as? Double) } ?? 1
        var request = ReductionRequest(budget: .ratio(share))
        request.asPublished = true
        let parameters = given.merging(words) { first, _ in first }
        return try RecipeRegistry.recipe(named: recipe, parameters: parameters).reduce(grid, request)
    }

    @Test(arguments: ["r25", "r15_rect", "r50_p1"])
    func fastvid(_ name: String) throws {
        let fixture = try Fixture("fastvid/\(name)")
        let grid = try fixture.gridWithFrameFeatures()
        let reduction = try reduce(
            "fastvid", fixture, grid, ratio: "retention_ratio",
            [
                "min-segments": "dyseg_c", "segment-tau": "dyseg_tau", "context": "stprune_d", "anchor-step": "dtm_p",
                "beta": "dtm_beta", "neighbours": "density_k",
            ])
        expectTokens(reduction, fixture, of: grid)
    }

    @Test(arguments: ["tau80", "tau80_rect", "small_sets"])
    func prunevid(_ name: String) throws {
        let fixture = try Fixture("prunevid/\(name)")
        let grid = try fixture.grid()
        let reduction = try reduce(
            "prunevid", fixture, grid,
            [
                "tau": "tau", "segment-ratio": "temporal_segment_ratio", "cluster-ratio": "cluster_ratio",
                "neighbours": "k",
            ])
        #expect(
            reduction.segments.flatMap { [Int32($0.start), Int32($0.end)] } == fixture.integers("expected.segments"))
        #expect(reduction.plan.sizes == fixture.floats("expected.sizes"))
        let tokens = reduction.plan.applied(to: grid.values, channels: grid.shape.channels)
        expectClose(tokens.array, fixture.floats("expected.tokens"))
    }

    @Test(arguments: ["r25", "r10_v2", "r20_min8"])
    func flashvid(_ name: String) throws {
        let fixture = try Fixture("flashvid/\(name)")
        let grid = try fixture.grid()
        let selection = try #require(fixture.parameters["token_selection_method"] as? String)
        let reduction = try reduce(
            "flashvid", fixture, grid, ratio: "retention_ratio",
            [
                "min-segments": "min_segment_num", "segment-tau": "segment_threshold", "alpha": "alpha",
                "tau": "temporal_threshold",
            ], ["weights": selection == "attn_div_v2" ? "saliency-relevance" : "saliency"])
        expectTokens(reduction, fixture, of: grid)
    }

    @Test(arguments: ["t85_tt65", "t80_spatial", "rect_8x12", "odd_14x14"])
    func sttm(_ name: String) throws {
        let fixture = try Fixture("sttm/\(name)")
        let grid = try fixture.grid()
        expectReduction(
            try reduce(
                "sttm", fixture, grid,
                ["tau": "threshold", "temporal-tau": "temporal_threshold", "root-level": "root_level"]), fixture,
            of: grid)
    }

    @Test(arguments: ["tau90", "tau80_rect"])
    func llavaScissor(_ name: String) throws {
        let fixture = try Fixture("llava-scissor/\(name)")
        let grid = try fixture.grid()
        let reduction = try reduce("llava-scissor", fixture, grid, ["tau": "tau", "epsilon": "epsilon"])
        let tokens = reduction.plan.applied(to: grid.values, channels: grid.shape.channels)
        expectClose(tokens.array, fixture.floats("expected.tokens"))
    }

    @Test(arguments: ["d11_c5", "d20_c7_rect"])
    func visionzip(_ name: String) throws {
        let fixture = try Fixture("visionzip/\(name)")
        let grid = try fixture.grid()
        expectReduction(
            try reduce(
                "visionzip", fixture, grid, ["dominant": "dominant", "contextual-tokens": "contextual"]), fixture,
            of: grid)
    }

    @Test(arguments: ["k70", "k50_oddT", "k30"])
    func dycoke(_ name: String) throws {
        let fixture = try Fixture("dycoke/\(name)")
        let grid = try fixture.grid()
        expectReduction(try reduce("dycoke", fixture, grid, ["rate": "K"]), fixture, of: grid)
    }

    @Test(arguments: ["published", "wide"])
    func hbi(_ name: String) throws {
        let fixture = try Fixture("oracle-hbi/\(name)")
        let grid = try fixture.grid()
        let reduction = try reduce(
            "hbi", fixture, grid,
            ["ratio": "ratio", "upper-ratio": "upper_ratio", "window": "window", "neighbours": "neighbours"])
        expectReduction(reduction, fixture, of: grid)
        let words = fixture.shape("similarity")[0]
        let interaction = BanzhafInteraction(
            fixture.floats("similarity"), words: words, frames: fixture.shape("similarity")[1], samples: 256, seed: 0,
            workers: 2)
        expectClose(interaction.values, fixture.floats("expected.interaction"))
    }

    /// ``expectReduction``, but for the sizes, as rows that overlap stand for more sources than the original counts,
    /// and for tokens that the original emits twice in one place, of which the plan has the first.
    private func expectTokens(_ reduction: Reduction, _ fixture: Fixture, of grid: TokenGrid) {
        let channels = grid.shape.channels
        let places = fixture.integers("expected.positions").map(Int.init)
        let emitted = stride(from: 0, to: places.count, by: 3).map {
            (places[$0] * grid.shape.rows + places[$0 + 1]) * grid.shape.columns + places[$0 + 2]
        }
        let first = emitted.indices.filter { $0 == 0 || emitted[$0] != emitted[$0 - 1] }
        #expect(reduction.plan.anchors == first.map { Int32(emitted[$0]) })
        #expect(
            reduction.segments.flatMap { [Int32($0.start), Int32($0.end)] } == fixture.integers("expected.segments"))
        let values = fixture.floats("expected.tokens")
        expectClose(
            reduction.plan.applied(to: grid.values, channels: channels).array,
            first.flatMap { values[$0 * channels..<($0 + 1) * channels] })
    }
}

extension Fixture {
    /// The grid with one vector a frame beside the tokens.
    fileprivate func gridWithFrameFeatures() throws -> TokenGrid {
        let plain = try grid()
        return try TokenGrid(
            shape: plain.shape, values: plain.values, frameTimes: plain.frameTimes, saliency: plain.saliency,
            frameFeatures: floats("frame_features"))
    }
}
