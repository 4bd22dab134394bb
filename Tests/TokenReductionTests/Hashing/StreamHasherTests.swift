import Testing
import TokenCore
import TokenReduction

/// Codebooks that outlive their segment.
@Suite struct StreamHasherTests {
    private static let channels = 12

    /// A segment of a scene: tokens near a few directions that belong to it.
    private func segment(_ scene: UInt64, _ seed: UInt64) throws -> TokenGrid {
        var (directions, random) = (RandomNumbers(seed: 1000 + scene), RandomNumbers(seed: seed + 1))
        let centres = (0..<5).map { _ in directions.vector(Self.channels) }
        let values = (0..<3 * 20).flatMap { _ -> [Float] in
            let centre = centres[random.below(5)]
            return centre.map { $0 + 0.02 * random.signed() }
        }
        return try TokenGrid(
            shape: GridShape(frames: 3, rows: 4, columns: 5, channels: Self.channels), values: TensorBuffer(values),
            frameTimes: [0, 1, 2])
    }

    private struct Outcome {
        let hash: TokenHash
        let version: Int?
        let grid: TokenGrid
    }

    private func run(
        _ codebook: StreamCodebook, scenes: [UInt64], method: String = "vqtoken"
    ) throws -> [Outcome] {
        let recipe = try RecipeRegistry.recipe(named: method)
        try codebook.validate(for: recipe, channels: Self.channels)
        var reducer = SegmentReducer(
            recipe, budget: try RunningBudget(.ratio(0.2), tokensPerFrame: 20, totalFrames: nil), codebook: codebook)
        var request = ReductionRequest(budget: .ratio(0.2))
        request.codebook = .fixed(5)
        return try scenes.enumerated().map { index, scene in
            let grid = try segment(scene, UInt64(index))
            let reduction = try reducer.reduce(grid, request)
            return Outcome(
                hash: try #require(reduction.tokenHash), version: reducer.codebookVersion, grid: grid)
        }
    }

    /// Codes must name entries near the tokens, whatever the policy.
    private func meanCosine(_ outcome: Outcome) -> Float {
        let values = outcome.grid.values.array
        let book = outcome.hash.codebook.array
        let cosines = outcome.hash.codes.enumerated().map { token, code -> Float in
            let x = values[token * Self.channels..<(token + 1) * Self.channels]
            let y = book[Int(code) * Self.channels..<(Int(code) + 1) * Self.channels]
            let dot = zip(x, y).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            let norms = x.reduce(Float(0)) { $0 + $1 * $1 } * y.reduce(Float(0)) { $0 + $1 * $1 }
            return norms > 0 ? dot / norms.squareRoot() : 0
        }
        return cosines.reduce(0, +) / Float(cosines.count)
    }

    @Test(arguments: ["vqtoken", "wavtokenizer"])
    func aFrozenCodebookIsLearntOnceAndStays(method: String) throws {
        let outcomes = try run(.frozen(after: 3), scenes: [1, 1, 1, 1, 1, 1], method: method)
        #expect(outcomes.map(\.version) == [nil, nil, 1, 1, 1, 1])
        let book = outcomes[2].hash.codebook.array
        for outcome in outcomes[3...] { #expect(outcome.hash.codebook.array == book) }
        #expect(outcomes[1].hash.codebook.array != book)
        for outcome in outcomes[2...] {
            #expect(meanCosine(outcome) > 0.98)
            #expect(outcome.hash.isStreamable)
            #expect(outcome.hash.codes.allSatisfy { 0..<outcome.hash.count ~= Int($0) })
        }
    }

    @Test func aGivenCodebookIsUsedFromTheStart() throws {
        let given = try #require(try run(.fresh, scenes: [1]).first).hash.codebook
        let outcomes = try run(.given(given), scenes: [1, 2])
        #expect(outcomes.map(\.version) == [1, 1])
        #expect(outcomes.allSatisfy { $0.hash.codebook.array == given.array })
        #expect(meanCosine(outcomes[0]) > 0.98 && meanCosine(outcomes[1]) < 0.9)
    }

    @Test func anUpdatedCodebookFollowsTheStream() throws {
        let scenes = Array(repeating: UInt64(1), count: 4) + Array(repeating: UInt64(2), count: 300)
        let outcomes = try run(.updated(after: 2), scenes: scenes)
        #expect(outcomes.map(\.version).prefix(4) == [nil, 1, 2, 3])
        #expect(outcomes.last?.version == 303)
        let (change, end) = (meanCosine(outcomes[4]), meanCosine(outcomes[303]))
        // Moving averages end in a local optimum: two entries may share what one could name.
        #expect(change < 0.6 && end > 0.85, "\(change) then \(end)")
    }

    @Test func aVersionedCodebookIsLearntAnewWhenItNoLongerFits() throws {
        let scenes: [UInt64] = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
        let outcomes = try run(.versioned(after: 2, tolerance: 0.05), scenes: scenes)
        #expect(outcomes.prefix(5).map(\.version) == [nil, 1, 1, 1, 1])
        #expect(outcomes[5].version == 2)
        #expect(meanCosine(outcomes[9]) > 0.98)
        // Equal versions are equal codebooks, and every change has a new number.
        for (before, after) in zip(outcomes, outcomes.dropFirst()) where before.version != nil {
            #expect(
                (before.version == after.version)
                    == (before.hash.codebook.array == after.hash.codebook.array))
        }
        // With no tolerance for any of it, one book is learnt for good.
        #expect(try run(.versioned(after: 2, tolerance: 2), scenes: scenes).last?.version == 1)
    }

    @Test func freshCodebooksAreTheSegmentsOwn() throws {
        for outcome in try run(.fresh, scenes: [1, 2, 3]) {
            #expect(outcome.version == nil && meanCosine(outcome) > 0.98)
        }
    }

    @Test func methodsWithoutOneCodebookAreRefused() throws {
        for name in ["evs", "residual-vq", "fsq", "hitvideo", "tokenflow"] {
            let recipe = try RecipeRegistry.recipe(named: name)
            try StreamCodebook.fresh.validate(for: recipe, channels: 4)
            let error = #expect(throws: TokenReelError.self) {
                try StreamCodebook.frozen().validate(for: recipe, channels: 4)
            }
            #expect(error?.code == .invalidArgument)
        }
        let recipe = try RecipeRegistry.recipe(named: "tokenreel")
        for codebook in [
            StreamCodebook.frozen(after: 0), .versioned(tolerance: -1), .given(TensorBuffer([1, 2, 3])),
            .given(TensorBuffer([])),
        ] {
            #expect(throws: TokenReelError.self) { try codebook.validate(for: recipe, channels: 4) }
        }
        try StreamCodebook.given(TensorBuffer([1, 2, 3, 4])).validate(for: recipe, channels: 4)
    }
}
