import Testing
import TokenCore
import TokenReduction

@Suite struct RecipeTests {
    @Test func namesAreUniqueAndTheDefaultComesFirst() {
        let names = RecipeRegistry.recipes.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.first == RecipeRegistry.defaultName)
    }

    @Test(arguments: RecipeRegistry.recipes.map(\.name))
    func everyParameterChangesTheOutcomeOfSomeGrid(_ name: String) throws {
        let descriptor = try RecipeRegistry.descriptor(named: name)
        var random = RandomNumbers(seed: 5)
        for parameter in descriptor.parameters {
            var isFelt = false
            for seed in 1...6 where !isFelt {
                let grid = try RandomGrid.withAllSignals(
                    seed.isMultiple(of: 2)
                        ? RandomGrid.patchwork(frames: 30, rows: 5, columns: 5, channels: 20, seed: UInt64(seed))
                        : RandomGrid.video(
                            frames: 30, rows: 5, columns: 5, channels: 20, seed: UInt64(seed),
                            hasSinks: seed.isMultiple(of: 3)),
                    seed: UInt64(seed))
                var request = ReductionRequest(budget: .ratio(0.1))
                request.query = try Query(vectors: random.vector(3 * 20), channels: 20)
                if descriptor.stages.contains(where: { $0.kind == .hash }) { request.codebook = .auto }
                // Contextual clusters are what most parameters of merging act on.
                let others =
                    descriptor.parameters.contains { $0.name == "contextual" } && parameter.name != "contextual"
                    ? ["contextual": "0.5", "plain-mean": "0"] : [:]
                let base = try RecipeRegistry.recipe(named: name, parameters: others).reduce(grid, request)
                let values = [parameter.range.lowerBound, parameter.range.upperBound, 0.3, 2, 3]
                let texts =
                    parameter.choices.isEmpty
                    ? values.map { parameter.isWhole ? "\(Int($0))" : "\($0)" } : parameter.choices
                for text in texts {
                    guard let parsed = try? parameter.parse(text),
                        parsed != others[parameter.name].flatMap(Double.init) ?? parameter.defaultValue
                    else { continue }
                    let changed = try RecipeRegistry.recipe(
                        named: name, parameters: others.merging([parameter.name: text]) { $1 }
                    ).reduce(grid, request)
                    if changed.plan != base.plan || changed.segments != base.segments
                        || changed.tokenHash?.codes != base.tokenHash?.codes
                    {
                        isFelt = true
                    }
                }
            }
            #expect(isFelt, "\(name) ignores \(parameter.name)")
        }
    }

    @Test func unknownNamesAndValuesOutOfRangeAreRefused() {
        for (name, parameters) in [
            ("hollitom", [:]), ("holitom", ["tua": "0.8"]), ("holitom", ["tau": "1.5"]), ("holitom", ["tau": "high"]),
            ("holitom", ["neighbours": "2.5"]), ("holitom", ["tau": "nan"]), ("evs", ["tau": "0.8"]),
        ] {
            let error = #expect(throws: TokenReelError.self) {
                try RecipeRegistry.recipe(named: name, parameters: parameters)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func aMissingSignalIsNamedAndCanBeSubstituted() throws {
        let grid = try RandomGrid.video(frames: 6, rows: 3, columns: 3, channels: 8, seed: 3, hasSaliency: false)
        let recipe = try RecipeRegistry.recipe(named: "holitom")
        var request = ReductionRequest(budget: .ratio(0.4))
        let error = #expect(throws: TokenReelError.self) { try recipe.reduce(grid, request) }
        #expect(error?.code == .missingSignal)
        #expect(error?.remedy?.contains("--allow-substitute") == true)
        request.allowSubstitute = true
        let reduction = try recipe.reduce(grid, request)
        #expect(reduction.notices.contains { $0.contains("stands in") })
        // With clusters only there is nothing to miss.
        let clusters = try RecipeRegistry.recipe(named: "holitom", parameters: ["contextual": "1"])
        #expect(try clusters.reduce(grid, ReductionRequest(budget: .ratio(0.4))).notices.isEmpty)
    }

    @Test func aCodebookIsRefusedWhereNothingHashes() throws {
        let grid = try RandomGrid.video(frames: 2, rows: 2, columns: 2, channels: 4, seed: 1)
        var request = ReductionRequest(budget: .ratio(0.5))
        request.codebook = .fixed(3)
        #expect(throws: TokenReelError.self) { try RecipeRegistry.recipe(named: "evs").reduce(grid, request) }
    }

    @Test func onlyPublishedRecipesFollowAReference() throws {
        let grid = try RandomGrid.video(frames: 2, rows: 2, columns: 2, channels: 4, seed: 1)
        var request = ReductionRequest(budget: .ratio(0.5))
        request.asPublished = true
        #expect(throws: TokenReelError.self) { try RecipeRegistry.recipe(named: "tokenreel").reduce(grid, request) }
    }

    @Test func aCodebookOfAGivenSizeIsWhatVQTokenEmits() throws {
        let grid = try RandomGrid.video(frames: 8, rows: 4, columns: 4, channels: 12, seed: 8)
        var request = ReductionRequest(budget: .ratio(0.5))
        request.codebook = .fixed(9)
        let reduction = try RecipeRegistry.recipe(named: "vqtoken").reduce(grid, request)
        #expect(reduction.plan.count == 9)
        #expect(reduction.plan.sizes.reduce(0, +) == 128)
        // Each token is the plain mean of the tokens that bear its code.
        let hash = try #require(reduction.tokenHash)
        for code in 0..<9 {
            let members = hash.codes.indices.filter { hash.codes[$0] == Int32(code) }
            for channel in 0..<12 {
                let mean = members.reduce(Float(0)) { $0 + grid.values[$1 * 12 + channel] } / Float(members.count)
                #expect(abs(hash.codebook[code * 12 + channel] - mean) < 1e-5)
            }
        }
    }
}
