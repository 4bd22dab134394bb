import Testing
import TokenCore
import TokenReduction

@Suite struct WindowMergerTests {
    /// One frame; each letter of the picture is a direction of its own.
    private func picture(_ lines: [String]) throws -> TokenGrid {
        let letters = lines.flatMap { $0 }
        let directions = Array(Set(letters)).sorted()
        let values = letters.flatMap { letter in directions.map { $0 == letter ? Float(1) : 0 } }
        return try TokenGrid(
            shape: GridShape(frames: 1, rows: lines.count, columns: lines[0].count, channels: directions.count),
            values: TensorBuffer(values), frameTimes: [0])
    }

    private func sizes(
        _ grid: TokenGrid, _ parameters: [String: String], _ count: Int, asPublished: Bool = false
    ) throws -> [Float] {
        var request = ReductionRequest(budget: .tokens(count))
        request.asPublished = asPublished
        return try RecipeRegistry.recipe(named: "mustdrop", parameters: parameters).reduce(grid, request).plan.sizes
    }

    @Test func windowsAtTheBorderAreSmaller() throws {
        let grid = try picture(["aaaaa", "aaaaa", "aaaaa", "aaaaa", "aaaaa"])
        #expect(try sizes(grid, ["window": "3"], 25, asPublished: true).sorted() == [4, 6, 6, 9])
    }

    @Test func theMostEvenWindowsMergeFirst() throws {
        // Mean cosines of the windows: 1/6 * number of equal pairs: 1, 3/6, 1/6 and 0.
        let grid = try picture(["aabb", "aabc", "ddgh", "efij"])
        #expect(try sizes(grid, ["window": "2", "threshold": "1"], 13) == [4] + [Float](repeating: 1, count: 12))
        #expect(try sizes(grid, ["window": "2", "threshold": "1"], 10).filter { $0 > 1 } == [4, 4])
    }

    @Test func evenWindowsGrowBeforeBusyOnesMerge() throws {
        let grid = try picture(["aaaabc", "aaaade", "aaaafg", "aaaahi"])
        // The two busy windows at the right stay as they are until the even square is one token.
        #expect(try sizes(grid, ["window": "2", "threshold": "0.9"], 9).sorted() == [1, 1, 1, 1, 1, 1, 1, 1, 16])
        // Without the threshold the smallest size merges everywhere first.
        #expect(try sizes(grid, ["window": "2", "threshold": "-1"], 6).sorted() == [4, 4, 4, 4, 4, 4])
    }
}
