import TensorOps
import Testing
import TokenCore
import TokenReduction

/// The originals of methods that score tokens: identical positions, values within 1e-5 of the largest magnitude.
@Suite struct ScoringParityTests {
    private func expectParity(
        _ method: String, _ name: String, _ budget: (Fixture) throws -> TokenBudget,
        parameters: (Fixture) throws -> [String: String] = { _ in [:] }
    ) throws {
        let fixture = try Fixture("\(method)/\(name)")
        let grid = try fixture.gridWithSignals()
        var request = ReductionRequest(budget: try budget(fixture))
        request.asPublished = true
        if fixture.has("query") {
            request.query = try Query(vectors: fixture.floats("query"), channels: fixture.shape("query")[1])
        }
        let recipe = try RecipeRegistry.recipe(named: method, parameters: parameters(fixture))
        let reduction = try recipe.reduce(grid, request)
        expectReduction(reduction, fixture, of: grid)
    }

    @Test(arguments: ["r25", "r15_rect", "r50_oddD"])
    func vidcom2(_ name: String) throws {
        try expectParity("vidcom2", name) { .ratio(try $0.real("base_scale")) }
    }

    @Test(arguments: ["r25", "r10_rect", "r60"])
    func vcast(_ name: String) throws {
        try expectParity("vcast", name) {
            .ratio(try $0.real("retain_ratio"))
        } parameters: {
            ["minimum": "\(try $0.whole("min_k"))", "temperature": "\(try $0.real("budget_temp"))"]
        }
    }

    @Test(arguments: ["abs50", "abs85_rect", "rel60"])
    func dtd(_ name: String) throws {
        try expectParity("dtd", name) { _ in
            .tokens(1)
        } parameters: {
            ["threshold": "\(try $0.real("threshold"))", "relative": try $0.flag("absolute") ? "0" : "1"]
        }
    }

    @Test(arguments: ["k12", "k9_rect"])
    func cdpruner(_ name: String) throws {
        try expectParity("cdpruner", name) { .perFrame(try $0.whole("keep_per_frame")) }
    }

    @Test(arguments: ["k64_24x24", "k20_rect"])
    func hiprune(_ name: String) throws {
        try expectParity("hiprune", name) {
            .perFrame(try $0.whole("keep_per_frame"))
        } parameters: {
            ["alpha": "\(try $0.real("alpha"))"]
        }
    }

    @Test(arguments: ["L7_k12", "L10_k20_coupled"])
    func flowcut(_ name: String) throws {
        try expectParity("flowcut", name) {
            .perFrame(try $0.whole("keep_per_frame"))
        } parameters: {
            ["coupled": try $0.flag("coupled") ? "1" : "0"]
        }
    }

    @Test(arguments: ["mixedmax_p8", "imgmean_mixed_2r"])
    func gtp(_ name: String) throws {
        let fixture = try Fixture("gtp/\(name)")
        let grid = try fixture.grid()
        let (cells, channels) = (grid.shape.tokensPerFrame, grid.shape.channels)
        let heads = fixture.shape("attention")[1]
        let attention = fixture.floats("attention")
        let standard = try #require(AttentionStandard(rawValue: fixture.word("selection")))
        let edges = try #require(TokenGraph.Edges(rawValue: fixture.word("graph").lowercased()))
        let nearest = try fixture.whole("num_neighbours")
        var rows: [ReductionPlan.Row] = []
        for frame in 0..<grid.shape.frames {
            let graph = grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: channels) {
                TokenGraph(
                    $0, channels: channels, rows: grid.shape.rows, columns: grid.shape.columns, edges: edges,
                    nearest: nearest)
            }
            var propagation = TokenPropagation(over: graph, alpha: Float(try fixture.real("alpha")))
            let size = heads * cells * cells
            for _ in 0..<(try fixture.whole("rounds")) {
                let scores = standard.scores(
                    of: propagation.tokens, attention: Array(attention[frame * size..<(frame + 1) * size]),
                    heads: heads, tokens: cells)
                propagation.drop(try fixture.whole("num_prop"), scores: scores)
            }
            rows += propagation.tokens.map { token in
                let (sources, weights) = propagation.content(of: token)
                return .init(
                    anchor: frame * cells + token, sources: sources.map { frame * cells + $0 }, weights: weights)
            }
        }
        let plan = ReductionPlan(sourceCount: grid.shape.tokenCount, rows: rows)
        #expect(positions(plan.anchors, grid) == fixture.integers("expected.positions"))
        expectClose(rows.map { $0.weights.reduce(0, +) }, fixture.floats("expected.scales"))
        expectClose(plan.applied(to: grid.values, channels: channels).array, fixture.floats("expected.tokens"))
    }

    @Test(arguments: ["thr01", "thr01_rect", "raw_thr2"])
    func rlt(_ name: String) throws {
        let fixture = try Fixture("rlt/\(name)")
        let shape = fixture.shape("pixels")
        let change = try TubeletChange(
            units: fixture.flag("normalize") ? TubeletChange.normalized.units : TubeletChange.raw.units,
            framesPerGroup: fixture.whole("tubelet_size"), patchSize: fixture.whole("patch_size"))
        let pixels = fixture.integers("pixels").withUnsafeBytes { Array($0) }
        let changes = pixels.withUnsafeBufferPointer {
            change.map(of: $0, frames: shape[0], height: shape[1], width: shape[2])
        }
        let mask = fixture.shape("expected.mask")
        // A grid of as many tokens as patches, whose values do not matter.
        let grid = try TokenGrid(
            shape: GridShape(frames: mask[0], rows: mask[1], columns: mask[2], channels: 1),
            values: TensorBuffer(changes), frameTimes: (0..<mask[0]).map(Double.init),
            maps: [.pixelChange: TokenMap(values: changes)])
        var request = ReductionRequest(budget: .tokens(1))
        request.asPublished = true
        let recipe = try RecipeRegistry.recipe(
            named: "rlt", parameters: ["threshold": "\(try fixture.real("threshold"))"])
        let plan = try recipe.reduce(grid, request).plan
        var isKept = [Int32](repeating: 0, count: changes.count)
        for anchor in plan.anchors { isKept[Int(anchor)] = 1 }
        #expect(isKept == fixture.integers("expected.mask"))
        #expect(positions(plan.anchors, grid) == fixture.integers("expected.positions"))
        #expect(plan.sizes.map { Int32($0) } == fixture.integers("expected.run_lengths"))
        #expect(plan.applied(to: grid.values, channels: 1).array == plan.anchors.map { changes[Int($0)] })
    }

    private func positions(_ anchors: [Int32], _ grid: TokenGrid) -> [Int32] {
        anchors.flatMap { anchor -> [Int32] in
            let place = grid.position(of: Int(anchor))
            return [Int32(place.frame), Int32(place.row), Int32(place.column)]
        }
    }
}

extension Fixture {
    fileprivate func real(_ name: String) throws -> Double { try #require(parameters[name] as? Double) }
    fileprivate func whole(_ name: String) throws -> Int { try #require(parameters[name] as? Int) }
    fileprivate func flag(_ name: String) throws -> Bool { try #require(parameters[name] as? Bool) }
    fileprivate func word(_ name: String) throws -> String { try #require(parameters[name] as? String) }

    /// The grid with the patch embeddings and the maps that the fixture carries.
    fileprivate func gridWithSignals() throws -> TokenGrid {
        let grid = try grid()
        var maps: [Signal: TokenMap] = [:]
        for (signal, name) in [
            (Signal.objectSaliency, "attention.object"), (.classAttention, "attention.cls"),
            (.semanticAttention, "attention.semantic"),
        ] where has(name) {
            maps[signal] = TokenMap(layers: floats(name).count / grid.shape.tokenCount, values: floats(name))
        }
        if has("values") {
            let width = try #require(shape("values").last)
            let values = floats("values")
            let norms = stride(from: 0, to: values.count, by: width).map { start in
                values[start..<start + width].reduce(Float(0)) { $0 + abs($1) }
            }
            maps[.valueNorms] = TokenMap(layers: norms.count / grid.shape.tokenCount, values: norms)
        }
        return try TokenGrid(
            shape: grid.shape, values: grid.values, frameTimes: grid.frameTimes, saliency: grid.saliency,
            patchEmbeddings: has("patch_embeddings") ? TensorBuffer(floats("patch_embeddings")) : nil, maps: maps)
    }
}
