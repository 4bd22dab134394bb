import Testing
import TokenCore
import TokenReduction

/// What a window promises, whatever the method.
@Suite struct WindowedReductionTests {
    private static let names = RecipeRegistry.recipes.map(\.name)

    private func grid(frames: Int = 23) throws -> TokenGrid {
        try RandomGrid.withAllSignals(
            RandomGrid.video(frames: frames, rows: 4, columns: 5, channels: 24, seed: UInt64(frames)))
    }

    private func request(_ budget: TokenBudget, _ grid: TokenGrid) throws -> ReductionRequest {
        var random = RandomNumbers(seed: 8)
        var request = ReductionRequest(budget: budget)
        request.query = try Query(vectors: random.vector(2 * grid.shape.channels), channels: grid.shape.channels)
        return request
    }

    @Test(arguments: names)
    func countsAreExactAndSegmentsFitTheWindow(_ name: String) throws {
        let grid = try grid()
        let recipe = try RecipeRegistry.recipe(named: name)
        for budget in [TokenBudget.ratio(0.15), .ratio(0.004), .tokens(40), .perFrame(2)] {
            for window in [StreamWindow(frames: 6), StreamWindow(seconds: 3.5), StreamWindow(frames: 1)] {
                let reduction = try recipe.reduce(grid, request(budget, grid), window: window)
                #expect(reduction.plan.count == (try budget.count(frames: 23, tokensPerFrame: 20)))
                #expect(reduction.segments.first?.start == 0 && reduction.segments.last?.end == 23)
                #expect(zip(reduction.segments, reduction.segments.dropFirst()).allSatisfy { $0.end == $1.start })
                #expect(reduction.segments.allSatisfy { $0.count <= min(window.frames, 5 + window.frames % 32) })
                // Every token is made of its segment's frames alone.
                for row in 0..<reduction.plan.count {
                    let frame = Int(reduction.plan.anchors[row]) / 20
                    let segment = try #require(reduction.segments.first { $0.frames.contains(frame) })
                    #expect(
                        reduction.plan.sources[reduction.plan.entries(of: row)].allSatisfy {
                            segment.frames.contains(Int($0) / 20)
                        })
                }
                if let hash = reduction.tokenHash {
                    #expect(hash.codes.count == grid.shape.tokenCount)
                    #expect(Int(hash.codes.max() ?? 0) < hash.codebook.count / 24)
                }
            }
        }
    }

    /// A committed segment doesn't depend on what comes after it.
    @Test(arguments: names)
    func whatIsCommittedStays(_ name: String) throws {
        let grid = try grid()
        let recipe = try RecipeRegistry.recipe(named: name)
        let window = StreamWindow(frames: 6)
        let whole = try recipe.reduce(grid, request(.ratio(0.2), grid), window: window)
        for frames in [7, 12, 18] {
            let part = try recipe.reduce(grid.frames(0..<frames), request(.ratio(0.2), grid), window: window)
            // The end of the shorter video cuts what the window still held.
            let settled = part.segments.filter { $0.end <= frames - window.frames }
            #expect(whole.segments.starts(with: settled))
            let tokens = (settled.last?.end ?? 0) * 20
            #expect(
                whole.plan.anchors.filter { $0 < tokens } == part.plan.anchors.filter { $0 < tokens })
        }
    }

    @Test func aWindowWiderThanTheVideoSegmentsAsWithout() throws {
        let grid = try grid()
        var request = ReductionRequest(budget: .ratio(0.2))
        request.allowSubstitute = true
        // One segment for all frames, so that reducing segment by segment is reducing it all.
        for name in ["evs", "tome", "vqtoken", "sttm"] {
            let recipe = try RecipeRegistry.recipe(named: name)
            let windowed = try recipe.reduce(grid, request, window: StreamWindow(frames: 99))
            let plain = try recipe.reduce(grid, request)
            #expect(windowed.plan == plain.plan)
            #expect(windowed.tokenHash?.codes == plain.tokenHash?.codes)
            #expect(windowed.tokenHash?.codebook.array == plain.tokenHash?.codebook.array)
        }
        // The same cuts whether frames come one by one or all at once.
        let holitom = try RecipeRegistry.recipe(named: "holitom")
        #expect(
            try holitom.reduce(grid, request, window: StreamWindow(frames: 99)).segments
                == holitom.reduce(grid, request).segments)
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let grid = try grid(frames: 3)
        let recipe = try RecipeRegistry.recipe(named: "evs")
        for window in [StreamWindow(frames: 0), StreamWindow(seconds: 0), StreamWindow(seconds: .nan)] {
            let error = #expect(throws: TokenReelError.self) {
                try recipe.reduce(grid, ReductionRequest(budget: .ratio(0.5)), window: window)
            }
            #expect(error?.code == .invalidArgument)
        }
        var ranked = ReductionRequest(budget: .ratio(0.5))
        ranked.order = .prefix
        #expect(throws: TokenReelError.self) { try recipe.reduce(grid, ranked, window: StreamWindow()) }
    }
}
