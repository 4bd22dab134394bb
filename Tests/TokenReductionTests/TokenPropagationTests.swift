import Testing
import TokenCore
import TokenReduction

@Suite struct TokenPropagationTests {
    private func graph(_ tokens: [Float], channels: Int, columns: Int, _ edges: TokenGraph.Edges, nearest: Int = 1)
        -> TokenGraph
    {
        tokens.withUnsafeBufferPointer {
            TokenGraph(
                $0, channels: channels, rows: tokens.count / channels / columns, columns: columns, edges: edges,
                nearest: nearest)
        }
    }

    @Test func edgesFollowPlaceContentOrBoth() {
        // Tokens 0 and 3 are alike, and 1 and 2; token 4 is nothing.
        let tokens: [Float] = [1, 0, 0, 1, 0.1, 2, 3, 0.1, 0, 0, 1, -1]
        #expect(
            graph(tokens, channels: 2, columns: 3, .spatial).neighbours
                == [[1, 3, 4], [0, 2, 3, 4, 5], [1, 4, 5], [0, 1, 4], [0, 1, 2, 3, 5], [1, 2, 4]])
        let semantic = graph(tokens, channels: 2, columns: 3, .semantic).neighbours
        #expect(semantic == [[3], [2], [1], [0], [0], [0]])
        #expect(graph(tokens, channels: 2, columns: 3, .mixed).neighbours[5] == [0, 1, 2, 4])
        #expect(graph(tokens, channels: 2, columns: 3, .semantic, nearest: 9).neighbours[0] == [1, 2, 3, 4, 5])
    }

    @Test func aDroppedTokenSpreadsToItsKeptNeighbours() {
        // A line of four: inner tokens have two edges, outer ones one.
        let line = graph([1, 2, 3, 4], channels: 1, columns: 4, .spatial)
        var propagation = TokenPropagation(over: line, alpha: 0.5)
        propagation.drop(1, scores: [5, 1, 2, 9])
        #expect(propagation.tokens == [3, 0, 2])
        #expect(propagation.content(of: 0).sources == [0, 1])
        let share = 0.5 / Float(2).squareRoot()
        #expect(abs(propagation.content(of: 0).weights[1] - share) < 1e-7)
        #expect(propagation.content(of: 2).weights == [0.25, 1])
        // What token 2 took in is passed on when it goes.
        propagation.drop(1, scores: [9, 5, 2])
        #expect(propagation.tokens == [3, 0])
        #expect(propagation.content(of: 3).sources == [1, 2, 3])
        #expect(abs(propagation.content(of: 3).weights[0] - share * 0.25) < 1e-7)
        #expect(abs(propagation.content(of: 3).weights[1] - share) < 1e-7)
    }

    @Test(arguments: ["1", "3"])
    func tokensAreWeightedMeansUnlessAsPublished(_ rounds: String) throws {
        let grid = try RandomGrid.video(frames: 3, rows: 4, columns: 5, channels: 12, seed: 9)
        let recipe = try RecipeRegistry.recipe(named: "gtp", parameters: ["rounds": rounds, "edges": "mixed"])
        var request = ReductionRequest(budget: .perFrame(11))
        let plan = try recipe.reduce(grid, request).plan
        #expect(plan.count == 33)
        for row in 0..<33 { #expect(abs(plan.row(row).weights.reduce(0, +) - 1) < 1e-5) }
        request.asPublished = true
        let published = try recipe.reduce(grid, request).plan
        let saliency = try #require(grid.saliency)
        #expect((0..<33).contains { published.row($0).weights.reduce(0, +) > 1.01 })
        #expect((0..<33).allSatisfy { published.row($0).weights.reduce(0, +) >= 1 })
        let ranked = (0..<3).flatMap { frame in
            (frame * 20..<(frame + 1) * 20).sorted { saliency[$0] > saliency[$1] }.prefix(11)
        }
        #expect(published.anchors.map { Int($0) } == ranked)
    }

    @Test func attentionIsCountedAmongTheTokensLeft() {
        // One head of three tokens: rows are queries.
        let attention: [Float] = [0.5, 0.25, 0.25, 0.1, 0.6, 0.3, 0.2, 0.2, 0.6]
        func scores(_ left: [Int], _ standard: AttentionStandard) -> [Float] {
            standard.scores(of: left, attention: attention, heads: 1, tokens: 3)
        }
        #expect(scores([0, 1, 2], .receivedMean).map { ($0 * 100).rounded() } == [80, 105, 115])
        #expect(scores([2, 0], .receivedMean).map { ($0 * 100).rounded() } == [85, 70])
        #expect(scores([2, 0], .mixedMaximum).map { ($0 * 100).rounded() } == [51, 35])
    }
}
