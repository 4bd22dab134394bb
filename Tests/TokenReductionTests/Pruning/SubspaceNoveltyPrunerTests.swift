import Testing
import TokenCore
import TokenReduction

@Suite struct SubspaceNoveltyPrunerTests {
    /// Frames of tokens in a space of eight dimensions.
    private func kept(_ frames: [[[Float]]], _ count: Int, rank: Int = 128) throws -> [Int32] {
        let values = frames.joined().flatMap { token in token + [Float](repeating: 0, count: 8 - token.count) }
        let grid = try TokenGrid(
            shape: GridShape(frames: frames.count, rows: 1, columns: frames[0].count, channels: 8),
            values: TensorBuffer(values), frameTimes: frames.indices.map(Double.init))
        let recipe = try RecipeRegistry.recipe(named: "pvc", parameters: ["rank": "\(rank)"])
        return try recipe.reduce(grid, ReductionRequest(budget: .tokens(count))).plan.anchors.map { $0 }
    }

    @Test func combinationsOfWhatWasKeptAreNotNew() throws {
        // The second frame holds a mixture of kept tokens, a kept token, and one a tenth of which is new.
        let first: [[Float]] = [[3], [3, 0], [0, 2]]
        let second: [[Float]] = [[5, 7], [0, 1], [10, 0, 1]]
        #expect(try kept([first, second], 3) == [0, 2, 5])
    }

    @Test func aFrameDoesNotSpendItsTokensOnOneObject() throws {
        let frame: [[Float]] = [[1], [1, 0.1], [1, 0, 0.1], [0.5, 0, 0, 1], [0, 0, 0, 1]]
        #expect(try kept([frame], 2) == [0, 4])
    }

    @Test func whatTheBasisForgetsIsNewAgain() throws {
        let frames: [[[Float]]] = [[[1], [0.9, 0.1]], [[0, 1], [0.1, 1]], [[1], [0, 1, 0.5]]]
        #expect(try kept(frames, 3) == [0, 2, 5])
        #expect(try kept(frames, 3, rank: 1) == [0, 2, 4])
    }
}
