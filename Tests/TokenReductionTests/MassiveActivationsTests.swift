import Testing
import TokenCore
import TokenReduction

@Suite struct MassiveActivationsTests {
    /// Two frames of six tokens; token 2 and the longer token 4 of the first frame have one huge channel, token 7 is
    /// long in all channels alike.
    private func grid() throws -> TokenGrid {
        var random = RandomNumbers(seed: 12)
        var values = random.vector(12 * 16)
        values[2 * 16 + 3] = 200
        values[4 * 16 + 3] = 300
        for channel in 0..<16 { values[7 * 16 + channel] = 100 }
        let saliency = (0..<12).map { Float([2, 4, 7].contains($0) ? 50 + $0 : $0) }
        return try TokenGrid(
            shape: GridShape(frames: 2, rows: 2, columns: 3, channels: 16), values: TensorBuffer(values),
            frameTimes: [0, 1], saliency: saliency)
    }

    private func kept(_ parameters: [String: String]) throws -> [Int32] {
        try RecipeRegistry.recipe(named: "sink-aware", parameters: parameters)
            .reduce(grid(), ReductionRequest(budget: .perFrame(3))).plan.anchors
    }

    @Test func sinksRankLastButForOneRegister() throws {
        #expect(try kept(["register": "0"]) == [1, 3, 5, 7, 10, 11])
        #expect(try kept([:]) == [3, 4, 5, 7, 10, 11])
    }

    @Test func bothRulesMustHold() throws {
        #expect(try kept(["length-ratio": "1000"]) == [2, 4, 5, 7, 10, 11])
        #expect(try kept(["peak-ratio": "10000"]) == [2, 4, 5, 7, 10, 11])
        #expect(try kept(["register": "0", "peak-ratio": "1"]) == [1, 3, 5, 7, 10, 11])
    }

    @Test func withNothingElseToKeepSinksStay() throws {
        let reduction = try RecipeRegistry.recipe(named: "sink-aware", parameters: ["register": "0"])
            .reduce(grid(), ReductionRequest(budget: .perFrame(6)))
        #expect(reduction.plan.anchors == Array(0..<12))
    }
}
