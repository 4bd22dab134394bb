import Testing
import TokenCore
import TokenReduction

/// What every registered recipe promises, whatever it computes.
@Suite struct ContractTests {
    static let names = RecipeRegistry.recipes.map(\.name)
    static let grids: [@Sendable () throws -> TokenGrid] = [
        { try RandomGrid.video(frames: 9, rows: 5, columns: 7, channels: 24, seed: 1) },
        { try RandomGrid.video(frames: 16, rows: 4, columns: 4, channels: 100, seed: 2) },
        { try RandomGrid.video(frames: 1, rows: 6, columns: 6, channels: 8, seed: 3) },
        { try RandomGrid.video(frames: 12, rows: 1, columns: 1, channels: 5, seed: 4) },
        { try RandomGrid.video(frames: 1, rows: 1, columns: 1, channels: 3, seed: 5) },
        { try RandomGrid.constant(1, frames: 6, rows: 3, columns: 4, channels: 6) },
        { try RandomGrid.constant(0, frames: 5, rows: 3, columns: 3, channels: 4) },
    ]

    private func query(_ grid: TokenGrid) throws -> Query {
        var random = RandomNumbers(seed: 99)
        return try Query(vectors: random.vector(2 * grid.shape.channels), channels: grid.shape.channels)
    }

    /// Everything about a reduction that must hold for any recipe.
    private func expectSound(_ reduction: Reduction, of grid: TokenGrid, _ descriptor: RecipeDescriptor) throws {
        let plan = reduction.plan
        // Going through the checking initialiser asserts valid, distinct anchors and ascending, valid sources.
        _ = try ReductionPlan(
            sourceCount: plan.sourceCount, offsets: plan.offsets, sources: plan.sources, weights: plan.weights,
            anchors: plan.anchors)
        #expect(plan.sourceCount == grid.shape.tokenCount)
        for row in 0..<plan.count { #expect(plan.sources[plan.entries(of: row)].contains(plan.anchors[row])) }
        if !descriptor.stages.contains(where: \.overlaps) { #expect(plan.isDisjoint) }
        #expect(reduction.segments.first?.start == 0 && reduction.segments.last?.end == grid.shape.frames)
        #expect(zip(reduction.segments, reduction.segments.dropFirst()).allSatisfy { $0.end == $1.start })
        let tokens = plan.applied(to: grid.values, channels: grid.shape.channels)
        #expect(tokens.array.allSatisfy { $0.isFinite })
        if let hash = reduction.tokenHash {
            #expect(hash.codes.count == grid.shape.tokenCount)
            var seen: Int32 = 0
            for code in hash.codes {
                #expect(code >= 0 && code <= seen)
                if code == seen { seen += 1 }
            }
            #expect(Int(seen) == hash.count)
        }
    }

    @Test(arguments: names, grids.indices)
    func countsAreExactAndPlansAreSound(_ name: String, grid index: Int) throws {
        let grid = try RandomGrid.withAllSignals(Self.grids[index]())
        let sources = grid.shape.tokenCount
        let descriptor = try RecipeRegistry.descriptor(named: name)
        let budgets: [TokenBudget] =
            [.ratio(0.1), .ratio(0.37), .ratio(1), .tokens(1), .tokens(sources), .perFrame(2)]
            + (1...5).map { .tokens(max(1, sources * $0 / 6)) }
        for budget in budgets {
            for query in [nil, try query(grid)] where query != nil || !descriptor.needs.contains(.query) {
                var request = ReductionRequest(budget: budget)
                request.query = query
                let reduction = try RecipeRegistry.recipe(named: name).reduce(grid, request)
                let count = try budget.count(frames: grid.shape.frames, tokensPerFrame: grid.shape.tokensPerFrame)
                #expect(reduction.plan.count == count, "\(budget)")
                #expect(zip(reduction.plan.anchors, reduction.plan.anchors.dropFirst()).allSatisfy(<))
                #expect((reduction.relevance?.count ?? count) == count)
                #expect((reduction.relevance == nil) == (query == nil))
                try expectSound(reduction, of: grid, descriptor)
            }
        }
    }

    @Test(arguments: RecipeRegistry.recipes.filter(\.isPublished).map(\.name), grids.indices)
    func publishedRoundingIsSoundToo(_ name: String, grid index: Int) throws {
        let grid = try RandomGrid.withAllSignals(Self.grids[index]())
        for ratio in [0.1, 0.5, 1] {
            var request = ReductionRequest(budget: .ratio(ratio))
            request.asPublished = true
            request.query = try query(grid)
            let reduction = try RecipeRegistry.recipe(named: name).reduce(grid, request)
            try expectSound(reduction, of: grid, RecipeRegistry.descriptor(named: name))
        }
    }

    @Test(arguments: names)
    func threadsAndRepetitionChangeNoByte(_ name: String) throws {
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 40, rows: 6, columns: 8, channels: 80, seed: 7))
        let recipe = try RecipeRegistry.recipe(named: name)
        var request = ReductionRequest(budget: .ratio(0.2))
        request.query = try query(grid)
        let first = try recipe.reduce(grid, request)
        for workers in [1, 2, 3, 8] {
            request.workers = workers
            let again = try recipe.reduce(grid, request)
            #expect(again.plan == first.plan)
            #expect(again.segments == first.segments)
            #expect(again.relevance == first.relevance)
            #expect(again.tokenHash?.codes == first.tokenHash?.codes)
            #expect(again.tokenHash?.codebook.array == first.tokenHash?.codebook.array)
        }
    }

    @Test(arguments: names, [[0, 4, 4], [3, 0, 4], [0, 0, 0]])
    func anEmptyGridGivesAnEmptyPlan(_ name: String, terms: [Int]) throws {
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.constant(1, frames: terms[0], rows: terms[1], columns: terms[2], channels: 4))
        var request = ReductionRequest(budget: .ratio(0.5))
        request.query = try query(grid)
        let reduction = try RecipeRegistry.recipe(named: name).reduce(grid, request)
        #expect(reduction.plan.count == 0)
    }

    @Test(arguments: names, [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, 1e25])
    func tokensThatCannotBeComparedAreRefused(_ name: String, value: Float) throws {
        let shape = try GridShape(frames: 3, rows: 2, columns: 2, channels: 4)
        var values = [Float](repeating: 0.5, count: shape.elementCount)
        values[2 * 16 + 5] = value
        let grid = try RandomGrid.withAllSignals(
            TokenGrid(
                shape: shape, values: TensorBuffer(values), frameTimes: [0, 1, 2],
                saliency: [Float](repeating: 1, count: 12)))
        var request = ReductionRequest(budget: .ratio(0.5))
        request.query = try query(grid)
        let error = #expect(throws: TokenReelError.self) {
            try RecipeRegistry.recipe(named: name).reduce(grid, request)
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.found.contains("frame 2, row 0, column 1") == true)
    }

    @Test(arguments: names)
    func saliencyThatIsNotFiniteIsRefused(_ name: String) throws {
        let shape = try GridShape(frames: 2, rows: 1, columns: 2, channels: 2)
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer([1, 2, 3, 4, 5, 6, 7, 8]), frameTimes: [0, 1], saliency: [1, 1, .nan, 1])
        #expect(throws: TokenReelError.self) {
            try RecipeRegistry.recipe(named: name).reduce(grid, ReductionRequest(budget: .ratio(0.5)))
        }
    }

    @Test(arguments: names)
    func aQueryOfAnotherWidthIsRefused(_ name: String) throws {
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 2, rows: 2, columns: 2, channels: 4, seed: 1))
        var request = ReductionRequest(budget: .ratio(0.5))
        request.query = try Query(vectors: [1, 2, 3], channels: 3)
        let error = #expect(throws: TokenReelError.self) {
            try RecipeRegistry.recipe(named: name).reduce(grid, request)
        }
        #expect(error?.subject == "query")
    }

    @Test(arguments: names)
    func workThatWasCancelledStops(_ name: String) throws {
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 8, rows: 4, columns: 4, channels: 8, seed: 1))
        var request = ReductionRequest(budget: .ratio(0.5))
        let cancellation = Cancellation()
        cancellation.cancel()
        request.cancellation = cancellation
        request.query = try query(grid)
        let error = #expect(throws: TokenReelError.self) {
            try RecipeRegistry.recipe(named: name).reduce(grid, request)
        }
        #expect(error?.code == .cancelled)
    }
}
