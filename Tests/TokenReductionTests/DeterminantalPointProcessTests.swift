import Testing
import TokenCore
import TokenReduction

@Suite struct DeterminantalPointProcessTests {
    /// Unit vectors and their cosines.
    private func cosines(_ count: Int, channels: Int, seed: UInt64) -> [Float] {
        var random = RandomNumbers(seed: seed)
        let vectors = (0..<count).map { _ -> [Float] in
            let vector = random.vector(channels)
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return vector.map { $0 / length }
        }
        return vectors.flatMap { a in vectors.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
    }

    /// By elimination in double precision.
    private func determinant(_ items: [Int], _ similarity: [Float], _ quality: [Float]) -> Double {
        var rows = items.map { i in
            items.map { Double(quality[i]) * Double(similarity[i * quality.count + $0]) * Double(quality[$0]) }
        }
        var determinant = 1.0
        for pivot in rows.indices {
            determinant *= rows[pivot][pivot]
            for row in rows.indices.dropFirst(pivot + 1) {
                let factor = rows[row][pivot] / rows[pivot][pivot]
                for column in rows.indices { rows[row][column] -= factor * rows[pivot][column] }
            }
        }
        return determinant
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func everyStepRaisesTheDeterminantMost(_ seed: UInt64) {
        let similarity = cosines(12, channels: 9, seed: seed)
        var random = RandomNumbers(seed: seed + 100)
        let quality = (0..<12).map { _ in 0.2 + random.unit() }
        let chosen = DeterminantalPointProcess.greedyChoice(7, similarity: similarity, quality: quality)
        #expect(chosen.count == 7)
        for step in chosen.indices {
            let before = Array(chosen[..<step])
            let others = (0..<12).filter { !before.contains($0) }
            let best = others.max { a, b in
                determinant(before + [a], similarity, quality) < determinant(before + [b], similarity, quality)
            }
            #expect(chosen[step] == best)
        }
    }

    @Test func theChoiceEndsWhenTheRestIsSpanned() {
        let chosen = DeterminantalPointProcess.greedyChoice(
            8, similarity: cosines(10, channels: 3, seed: 4), quality: [Float](repeating: 1, count: 10))
        #expect(chosen.count == 3)
        let equal = DeterminantalPointProcess.greedyChoice(
            3, similarity: [Float](repeating: 1, count: 16), quality: [0.5, 1, 1, 0.5])
        #expect(equal == [1])
    }

    /// Four tokens at right angles in each of two frames, whose patch embeddings are the more alike to the query
    /// the later they come.
    private func grid(hasPatches: Bool) throws -> TokenGrid {
        var values = [Float](repeating: 0, count: 8 * 4)
        for token in 0..<8 { values[token * 4 + token % 4] = 1 + Float(token) }
        let patches = (0..<8).flatMap { token -> [Float] in
            let cosine = 0.1 * Float(token + 1)
            return [cosine, (1 - cosine * cosine).squareRoot()]
        }
        return try TokenGrid(
            shape: GridShape(frames: 2, rows: 2, columns: 2, channels: 4), values: TensorBuffer(values),
            frameTimes: [0, 1], patchEmbeddings: hasPatches ? TensorBuffer(patches) : nil)
    }

    @Test func patchesLeastAlikeToTheQueryAreRelevant() throws {
        var request = ReductionRequest(budget: .perFrame(2))
        request.query = try Query(vectors: [3, 0], channels: 2)
        let plan = try RecipeRegistry.recipe(named: "cdpruner").reduce(grid(hasPatches: true), request).plan
        #expect(plan.anchors == [0, 1, 4, 5])
    }

    @Test func withoutPatchesTheTokensMostAlikeToTheQueryAre() throws {
        var request = ReductionRequest(budget: .perFrame(1))
        request.query = try Query(vectors: [0, 0, 7, 1], channels: 4)
        let recipe = try RecipeRegistry.recipe(named: "cdpruner")
        let error = #expect(throws: TokenReelError.self) { try recipe.reduce(grid(hasPatches: false), request) }
        #expect(error?.code == .missingSignal)
        request.allowSubstitute = true
        #expect(try recipe.reduce(grid(hasPatches: false), request).plan.anchors == [2, 6])
    }
}
