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
}

extension Fixture {
    fileprivate func real(_ name: String) throws -> Double { try #require(parameters[name] as? Double) }
    fileprivate func whole(_ name: String) throws -> Int { try #require(parameters[name] as? Int) }
    fileprivate func flag(_ name: String) throws -> Bool { try #require(parameters[name] as? Bool) }

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
