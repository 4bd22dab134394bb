import Testing
import TokenCore
import TokenReduction

/// The originals' outputs on the same tensors: identical indices, values within 1e-5 of the largest magnitude.
@Suite struct ParityTests {
    @Test(arguments: ["r25_tau80", "r15_tau80_rect", "r10_tau65", "r25_tau80_D30", "r25_tau80_nobeta"])
    func holitom(_ name: String) throws {
        let fixture = try Fixture("holitom/\(name)")
        let grid = try fixture.grid()
        let given = fixture.parameters
        let recipe = try RecipeRegistry.recipe(
            named: "holitom",
            parameters: [
                "tau": "\(try #require(given["tau"] as? Double))", "beta": "\(try #require(given["beta"] as? Double))",
                "contextual": "\(try #require(given["D"] as? Double))",
                "neighbours": "\(try #require(given["K"] as? Int))",
                "plain-mean": try #require(given["no_beta"] as? Bool) ? "1" : "0",
                "max-window": "\(try #require(given["max_window"] as? Int))",
            ])
        var request = ReductionRequest(budget: .ratio(try #require(given["retain"] as? Double)))
        request.asPublished = true
        expectReduction(try recipe.reduce(grid, request), fixture, of: grid)
    }

    @Test(arguments: ["q50", "q75_rect", "q95_floor"])
    func evs(_ name: String) throws {
        let fixture = try Fixture("evs/\(name)")
        let grid = try fixture.grid()
        var request = ReductionRequest(budget: .ratio(1 - (try #require(fixture.parameters["q"] as? Double))))
        request.asPublished = true
        expectReduction(try RecipeRegistry.recipe(named: "evs").reduce(grid, request), fixture, of: grid)
    }

    /// VQToken normalises the tokens first, then clusters; its entries are means of normalised tokens.
    private func unitTokens(_ fixture: Fixture) -> (tokens: [Float], channels: Int) {
        let channels = fixture.shape("tokens")[3]
        var tokens = fixture.floats("tokens")
        for start in stride(from: 0, to: tokens.count, by: channels) {
            let norm = tokens[start..<start + channels].reduce(0) { $0 + $1 * $1 }.squareRoot()
            for index in start..<start + channels { tokens[index] /= norm }
        }
        return (tokens, channels)
    }

    private func codebook(_ labels: [Int32], _ tokens: [Float], _ channels: Int, codes: Int) -> [Float] {
        var sums = [Float](repeating: 0, count: codes * channels)
        var counts = [Float](repeating: 0, count: codes)
        for (token, label) in labels.enumerated() {
            counts[Int(label)] += 1
            for channel in 0..<channels { sums[Int(label) * channels + channel] += tokens[token * channels + channel] }
        }
        for index in sums.indices { sums[index] /= max(counts[index / channels], 1) }
        return sums
    }

    @Test(arguments: ["k8", "k16_empty"])
    func vqtokenFixedSize(_ name: String) throws {
        let fixture = try Fixture("vqtoken/\(name)")
        let (tokens, channels) = unitTokens(fixture)
        let means = SphericalKMeans(
            tokens: TensorBuffer(tokens), channels: channels,
            centroids: TensorBuffer(fixture.floats("initial_centroids")),
            maxIterations: try #require(fixture.parameters["max_iteration"] as? Int), rule: .published)
        #expect(means.labels == fixture.integers("expected.codes"))
        let codes = try #require(fixture.parameters["K"] as? Int)
        expectClose(codebook(means.labels, tokens, channels, codes: codes), fixture.floats("expected.codebook"))
    }

    @Test func vqtokenElbow() throws {
        let fixture = try Fixture("vqtoken/elbow_max24")
        let (tokens, channels) = unitTokens(fixture)
        let initial = fixture.floats("initial_centroids")
        func cluster(_ codes: Int) -> SphericalKMeans {
            SphericalKMeans(
                tokens: TensorBuffer(tokens), channels: channels,
                centroids: TensorBuffer(Array(initial.prefix(codes * channels))), maxIterations: 100, rule: .published)
        }
        let distortions = (12...24).map { cluster($0).distortion(of: TensorBuffer(tokens), channels: channels) }
        let best = Elbow.published(distortions: distortions)
        #expect([Int32(best)] == fixture.integers("expected.best_k"))
        #expect(cluster(best).labels == fixture.integers("expected.codes"))
    }
}
