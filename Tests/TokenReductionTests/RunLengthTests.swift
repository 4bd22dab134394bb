import TensorOps
import Testing
import TokenCore
import TokenReduction

@Suite struct RunLengthTests {
    /// Three cells in five frames: the first never changes, the second a little, then much, the third always.
    private let changes: [Float] = [0, 0, 0, 0, 0, 3, 0, 0.2, 4, 0, 0, 5, 0, 2, 6]

    private func grid() throws -> TokenGrid {
        try TokenGrid(
            shape: GridShape(frames: 5, rows: 1, columns: 3, channels: 2),
            values: TensorBuffer((0..<30).map { Float($0) + 1 }), frameTimes: [0, 1, 2, 3, 4],
            maps: [.pixelChange: TokenMap(values: changes)])
    }

    @Test func aRunLastsWhileNothingChanges() {
        let runs = RunLengths(changes: changes, cells: 3, threshold: 0.1)
        #expect(runs.tokens == [0, 1, 2, 5, 7, 8, 11, 13, 14])
        #expect(runs.run(from: 0) == [0, 3, 6, 9, 12])
        #expect(runs.run(from: 1) == [1, 4])
        #expect(runs.run(from: 7) == [7, 10])
        #expect(runs.run(from: 14) == [14])
        // A change of just the threshold is none.
        #expect(RunLengths(changes: changes, cells: 3, threshold: 2).tokens == [0, 1, 2, 5, 8, 11, 14])
    }

    @Test func asPublishedTheThresholdDecidesAndTokensStayAsTheyAre() throws {
        var request = ReductionRequest(budget: .tokens(1))
        request.asPublished = true
        let plan = try RecipeRegistry.recipe(named: "rlt").reduce(grid(), request).plan
        #expect(plan.anchors == [0, 1, 2, 5, 7, 8, 11, 13, 14])
        #expect(plan.sizes == [5, 2, 1, 1, 2, 1, 1, 1, 1])
        #expect(plan.owners == [0, 1, 2, 0, 1, 3, 0, 4, 5, 0, 4, 6, 0, 7, 8])
        let values = try grid().values
        #expect(plan.applied(to: values, channels: 2).array[8...9] == values.array[14...15])
    }

    @Test func aBudgetJoinsTheRunsOfLeastChange() throws {
        let recipe = try RecipeRegistry.recipe(named: "rlt")
        let plan = try recipe.reduce(grid(), ReductionRequest(budget: .tokens(7))).plan
        #expect(plan.anchors == [0, 1, 2, 5, 8, 11, 14])
        #expect(plan.sizes == [5, 5, 1, 1, 1, 1, 1])
    }

    @Test func withoutPixelsTheTokensAreCompared() throws {
        // Only the second cell turns, in frame 2.
        var values = [Float](repeating: 1, count: 4 * 2 * 2)
        for frame in 2..<4 { values[(frame * 2 + 1) * 2] = -1 }
        let grid = try TokenGrid(
            shape: GridShape(frames: 4, rows: 1, columns: 2, channels: 2), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3])
        var request = ReductionRequest(budget: .tokens(3))
        request.allowSubstitute = true
        let plan = try RecipeRegistry.recipe(named: "rlt").reduce(grid, request).plan
        #expect(plan.anchors == [0, 1, 5])
        #expect(plan.sizes == [4, 2, 2])
    }

    @Test func pixelChangesAreMeansOverPatchesOfTheFarFrames() {
        let (frames, height, width, patch, group) = (10, 21, 34, 8, 3)
        var random = RandomNumbers(seed: 3)
        let pixels = (0..<frames * height * width * 3).map { _ in UInt8(random.below(256)) }
        let change = TubeletChange(units: [0.5, 2, 1], framesPerGroup: group, patchSize: patch)
        let map = pixels.withUnsafeBufferPointer { change.map(of: $0, frames: frames, height: height, width: width) }
        #expect(map.count == 3 * 2 * 4)
        for (index, value) in map.enumerated() {
            let (token, column) = index.quotientAndRemainder(dividingBy: 4)
            let (time, row) = token.quotientAndRemainder(dividingBy: 2)
            guard time > 0 else {
                #expect(value == TubeletChange.first)
                continue
            }
            var sum = 0.0
            for y in row * patch..<(row + 1) * patch {
                for x in column * patch..<(column + 1) * patch {
                    for channel in 0..<3 {
                        let place = (y * width + x) * 3 + channel
                        let last = Double(pixels[((time + 1) * group - 1) * height * width * 3 + place])
                        let first = Double(pixels[(time - 1) * group * height * width * 3 + place])
                        sum += Double(change.units[channel]) * abs(last - first)
                    }
                }
            }
            #expect(abs(Double(value) - sum / Double(3 * patch * patch)) < 1e-3)
        }
    }
}
