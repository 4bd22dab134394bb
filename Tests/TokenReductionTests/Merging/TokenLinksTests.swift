import Foundation
import Testing
import TokenCore
import TokenReduction

/// Links seen through the two methods that follow them.
@Suite struct TokenLinksTests {
    private func line(_ angles: [Float]) throws -> TokenGrid {
        try TokenGrid(
            shape: GridShape(frames: angles.count, rows: 1, columns: 1, channels: 2),
            values: TensorBuffer(angles.flatMap { [1, $0] }), frameTimes: angles.indices.map(Double.init))
    }

    private func sizes(_ method: String, _ grid: TokenGrid, _ count: Int, _ parameters: [String: String]) throws
        -> [Float]
    {
        try RecipeRegistry.recipe(named: method, parameters: parameters)
            .reduce(grid, ReductionRequest(budget: .tokens(count))).plan.sizes
    }

    @Test(arguments: [("kvmerger", "epsilon"), ("cove", "tau")])
    func theBestLinksAreFollowedFirst(_ method: String, _ threshold: String) throws {
        let grid = try line([0, 0.01, 1, 1.2, 5, 5.1])
        #expect(try sizes(method, grid, 3, [threshold: "0.5"]) == [2, 2, 2])
        #expect(try sizes(method, grid, 5, [threshold: "0.5"]) == [1, 1, 1, 1, 2])
    }

    @Test(arguments: [("kvmerger", "epsilon"), ("cove", "tau")])
    func belowTheThresholdSetsAreComparedByTheirMeans(_ method: String, _ threshold: String) throws {
        // Radians: a set that drifts, and two tokens further on. The gap behind the set is the smaller one from its
        // last token, but not from its mean.
        let grid = try line([0, 0.1, 0.2, 0.5, 0.85].map(tan))
        #expect(try sizes(method, grid, 2, [threshold: "-1"]) == [4, 1])
        #expect(try sizes(method, grid, 2, [threshold: "0.98"]) == [3, 2])
    }

    @Test func aMovingPatchIsFollowed() throws {
        // A bright patch that moves one place a frame over a background of its own directions.
        var values: [Float] = []
        for frame in 0..<5 {
            for cell in 0..<6 {
                var token = [Float](repeating: 0, count: 8)
                token[cell == frame ? 7 : cell] = cell == frame ? 3 : 1
                values += token
            }
        }
        let grid = try TokenGrid(
            shape: GridShape(frames: 5, rows: 1, columns: 6, channels: 8), values: TensorBuffer(values),
            frameTimes: [0, 1, 2, 3, 4])
        var request = ReductionRequest(budget: .ratio(0.5))
        request.asPublished = true
        let plan = try RecipeRegistry.recipe(named: "cove", parameters: ["window": "3"]).reduce(grid, request).plan
        #expect(plan.row(0).sources == [0, 7, 14, 21, 28])
        // In a window of one place nothing moves.
        let still = try RecipeRegistry.recipe(named: "cove", parameters: ["window": "1"]).reduce(grid, request).plan
        #expect(still.row(0).sources == [0])
    }
}
