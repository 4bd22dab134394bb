import Testing
import TokenCore
import TokenReduction

/// The same number of tokens in every frame, as programs that count by a grid expect.
@Suite struct GridPreservingTests {
    @Test(arguments: [
        // rows and columns of a frame, its share of tokens, rows and columns left
        [14, 14, 196, 14, 14], [14, 14, 195, 13, 14], [16, 16, 8, 2, 4], [16, 16, 13, 3, 4], [16, 16, 3, 2, 1],
        [16, 16, 1, 1, 1], [9, 16, 30, 5, 6], [16, 9, 30, 6, 5], [1, 20, 7, 1, 7], [20, 1, 7, 7, 1],
        [2, 40, 11, 1, 11],
        [5, 7, 18, 3, 6], [4, 6, 23, 4, 5],
    ])
    func theGridIsTheLargestOfAFittingShape(numbers: [Int]) throws {
        let shape = try GridShape(frames: 3, rows: numbers[0], columns: numbers[1], channels: 2)
        let grid = try FrameGrid(within: .perFrame(numbers[2]), of: shape)
        #expect([grid.rows, grid.columns] == Array(numbers[3...]))
    }

    @Test func noShareIsExceeded() throws {
        for (rows, columns) in [(7, 5), (3, 11), (1, 1), (6, 6)] {
            let shape = try GridShape(frames: 4, rows: rows, columns: columns, channels: 2)
            for count in 4...shape.tokenCount {
                let grid = try FrameGrid(within: .tokens(count), of: shape)
                #expect(grid.tokens <= count / 4 && 1...rows ~= grid.rows && 1...columns ~= grid.columns)
                // Never less than half of what could be had.
                #expect(2 * grid.tokens > min(count / 4, shape.tokensPerFrame) || grid.tokens == shape.tokensPerFrame)
            }
        }
    }

    /// However small the grid, all frames together have no more than the ratio gives the video, and as many as fit.
    @Test func noRatioIsExceeded() throws {
        for (rows, columns) in [(1, 1), (1, 3), (2, 2), (2, 3), (3, 3), (4, 7)] {
            for percent in 1...100 {
                let ratio = Double(percent) / 100
                for frames in [1, 3, 40] {
                    let shape = try GridShape(frames: frames, rows: rows, columns: columns, channels: 2)
                    var request = ReductionRequest(budget: .ratio(ratio))
                    let asked = try request.count(of: shape)
                    request.isGridPreserving = true
                    let share = percent * rows * columns / 100
                    guard share > 0 else {
                        #expect {
                            try request.count(of: shape)
                        } throws: { error in
                            (error as? TokenReelError)?.found == "\(ratio) of \(rows * columns) tokens for a frame"
                        }
                        continue
                    }
                    let count = try request.count(of: shape)
                    #expect(count <= asked && count % frames == 0)
                    let largest = try FrameGrid(within: .perFrame(share), of: shape)
                    #expect(count == largest.tokens * frames)
                }
            }
        }
    }

    private static let names = RecipeRegistry.recipes.filter { !$0.emitsCodebook }.map(\.name)

    @Test(arguments: names)
    func everyMethodLeavesEveryFrameTheSame(name: String) throws {
        for (frames, rows, columns) in [(9, 5, 7), (1, 6, 6), (12, 1, 1), (5, 2, 9)] {
            let grid = try RandomGrid.withAllSignals(
                RandomGrid.video(frames: frames, rows: rows, columns: columns, channels: 24, seed: 1))
            for budget in [TokenBudget.perFrame(1), .ratio(1), .tokens(max(frames, frames * rows * columns / 3))] {
                var request = ReductionRequest(budget: budget)
                request.query = try Query(vectors: (0..<24).map { Float($0 % 5) - 2 }, channels: 24)
                request.isGridPreserving = true
                let reduction = try RecipeRegistry.recipe(named: name).reduce(grid, request)
                let frameGrid = try #require(reduction.frameGrid)
                let plan = reduction.plan
                #expect(try plan.count == request.count(of: grid.shape))
                let counts = Dictionary(grouping: plan.anchors) { Int($0) / (rows * columns) }.mapValues(\.count)
                #expect(counts.count == frames && counts.values.allSatisfy { $0 == frameGrid.tokens })
                #expect(zip(plan.anchors, plan.anchors.dropFirst()).allSatisfy(<))
                _ = try ReductionPlan(
                    sourceCount: plan.sourceCount, offsets: plan.offsets, sources: plan.sources, weights: plan.weights,
                    anchors: plan.anchors)
                request.workers = 3
                #expect(try RecipeRegistry.recipe(named: name).reduce(grid, request).plan == plan)
            }
        }
    }

    @Test func poolingLeavesTheGridItself() throws {
        let grid = try RandomGrid.video(frames: 3, rows: 6, columns: 8, channels: 4, seed: 2)
        var request = ReductionRequest(budget: .perFrame(12))
        request.isGridPreserving = true
        let pooled = try RecipeRegistry.recipe(named: "tokenflex").reduce(grid, request)
        let frameGrid = try #require(pooled.frameGrid)
        #expect(frameGrid.rows == 3 && frameGrid.columns == 4 && frameGrid.isPlaced(pooled.plan, in: grid.shape))
        #expect(pooled.notices.contains { $0.contains("3 x 4") && $0.contains("as in that grid") })
        // Blocks of 2 x 2, in the order of the grid.
        for token in 0..<pooled.plan.count {
            let (frame, cell) = token.quotientAndRemainder(dividingBy: 12)
            let first = frame * 48 + cell / 4 * 16 + cell % 4 * 2
            #expect(pooled.plan.row(token).sources == [first, first + 1, first + 8, first + 9])
        }

        let chosen = try RecipeRegistry.recipe(named: "evs").reduce(grid, request)
        #expect(!frameGrid.isPlaced(chosen.plan, in: grid.shape))
        #expect(chosen.notices.contains { $0.contains("not their places in the picture") })
    }

    /// What a method keeps stays kept: rows are folded where a frame has too many, freed where it has too few.
    @Test func aPlanIsEvenedOutWithinFrames() throws {
        let grid = try RandomGrid.video(frames: 3, rows: 2, columns: 3, channels: 8, seed: 5)
        let plan = ReductionPlan(sourceCount: 18, keeping: [0, 1, 2, 3, 7, 9])
        let even = Reconciliation(try ReductionInput(grid, ReductionRequest(budget: .perFrame(2)))).reconcile(
            plan, toEach: 2)
        #expect(even.anchors.map { Int($0) / 6 } == [0, 0, 1, 1, 2, 2])
        // Two of the first frame's rows are folded into the other two; the second frame is as it was.
        #expect(even.anchors[..<2].allSatisfy { $0 < 4 } && even.anchors[2..<4] == [7, 9])
        #expect(even.row(0).sources.count + even.row(1).sources.count == 4)
        #expect([2, 3, 4, 5].allSatisfy { even.row($0).sources == [Int(even.anchors[$0])] })
    }

    @Test func whatCannotBeAGridIsRefused() throws {
        let grid = try RandomGrid.video(frames: 6, rows: 2, columns: 2, channels: 8, seed: 5)
        func found(_ name: String, _ change: (inout ReductionRequest) -> Void) -> String? {
            var request = ReductionRequest(budget: .perFrame(2))
            request.isGridPreserving = true
            change(&request)
            do {
                _ = try RecipeRegistry.recipe(named: name).reduce(grid, request)
                return nil
            } catch {
                #expect(error.code == .invalidArgument && error.remedy?.contains("--grid-preserving") == true)
                return error.found
            }
        }
        let empty = try GridShape(frames: 2, rows: 0, columns: 3, channels: 8)
        #expect(throws: TokenReelError.self) { try FrameGrid(within: .ratio(0.5), of: empty) }
        #expect(found("evs") { _ in } == nil)
        #expect(found("evs") { $0.budget = .tokens(5) } == "5 tokens for 6 frames")
        #expect(found("evs") { $0.order = .prefix } == "tokens in prefix order")
        #expect(found("evs") { $0.asPublished = true } == "the published count")
        #expect(found("vqtoken") { _ in }?.contains("codebook") == true)
    }
}
