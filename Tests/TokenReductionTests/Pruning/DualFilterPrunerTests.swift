import Testing
import TokenCore
import TokenReduction

@Suite struct DualFilterPrunerTests {
    /// Six tokens of one frame along the axes of the space, the last with the highest class attention.
    private func grid() throws -> TokenGrid {
        let values = (0..<6).flatMap { token in (0..<6).map { $0 == token ? Float(2) : 0 } }
        return try TokenGrid(
            shape: GridShape(frames: 1, rows: 1, columns: 6, channels: 6), values: TensorBuffer(values),
            frameTimes: [0],
            maps: [.classAttention: TokenMap(layers: 2, values: [9, 8, 7, 6, 5, 4, 0, 0, 0, 0, 0.1, 0.2])])
    }

    private func kept(
        _ parameters: [String: String], words: [[Float]], _ count: Int, asPublished: Bool = false
    ) throws -> [Int32] {
        var request = ReductionRequest(budget: .tokens(count))
        request.query = try Query(vectors: words.flatMap { $0 }, channels: 6)
        request.asPublished = asPublished
        // A window that merges nothing leaves all to the pruner.
        let parameters = parameters.merging(["threshold": "1"]) { first, _ in first }
        return try RecipeRegistry.recipe(named: "mustdrop", parameters: parameters).reduce(grid(), request).plan.anchors
    }

    @Test func keyTokensAreThoseOfTheDeepestLayer() throws {
        // A sixth of six tokens is one key token; the words ask for the first and the third.
        let words: [[Float]] = [[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
        #expect(try kept(["key-share": "0.16"], words: words, 3) == [0, 2, 5])
        #expect(try kept(["key-share": "0"], words: words, 2) == [0, 2])
    }

    @Test func aTokenNeedsTheQuestionOrOneWordOfIt() throws {
        // Attention at temperature 1/ln 2, that is 2^cos: a word looks at its own token with 2/7 and at others with
        // 1/7.
        let words: [[Float]] = [[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
        let parameters = ["key-share": "0", "temperature": "1.442695"]
        // Shares of all attention: token 2 has (1/7 + 2/7 + 2/7) / 3 = 0.238, token 0 0.190, others 0.143.
        let byAll = parameters.merging(["individual": "1", "global": "0.2"]) { $1 }
        #expect(try kept(byAll, words: words, 6, asPublished: true) == [2])
        // Tokens 0 and 2 have 2/7 = 0.286 of one word.
        let byWord = parameters.merging(["individual": "0.25", "global": "1"]) { $1 }
        #expect(try kept(byWord, words: words, 6, asPublished: true) == [0, 2])
        let byNone = parameters.merging(["individual": "0.14", "global": "1"]) { $1 }
        #expect(try kept(byNone, words: words, 6, asPublished: true) == [0, 1, 2, 3, 4, 5])
    }

    @Test func classAttentionIsNamedWhereItIsMissing() throws {
        let grid = try RandomGrid.video(frames: 2, rows: 3, columns: 3, channels: 4, seed: 1, hasSaliency: false)
        var request = ReductionRequest(budget: .tokens(5))
        let recipe = try RecipeRegistry.recipe(named: "mustdrop")
        // Merging alone needs nothing.
        #expect(try recipe.reduce(grid, request).plan.count == 5)
        request.query = try Query(vectors: [1, 2, 3, 4], channels: 4)
        let error = #expect(throws: TokenReelError.self) { try recipe.reduce(grid, request) }
        #expect(error?.code == .missingSignal)
        request.allowSubstitute = true
        #expect(try recipe.reduce(grid, request).notices.contains { $0.contains("class attention") })
    }
}
