import Testing
import TokenCore
import TokenReduction

/// Recipes of stages that the package does not know.
@Suite struct OwnRecipeTests {
    /// Cuts time into stretches of a given length.
    private struct EvenSegmenter: TemporalSegmenter {
        static let descriptor = StageDescriptor(
            name: "even", kind: .segment, summary: "Cuts evenly.", source: "none",
            parameters: [.whole("length", 4, in: 1...100, "Frames of a segment.")], cost: "O(T)")
        private let length: Int

        init(_ values: ParameterValues) { length = values.whole("length") }

        func segments(of input: ReductionInput) -> [Segment] {
            let frames = input.grid.shape.frames
            return stride(from: 0, to: frames, by: length).map { Segment(start: $0, end: min($0 + length, frames)) }
        }
    }

    /// Averages each cell over a segment.
    private struct StillMerger: TokenMerger {
        static let descriptor = StageDescriptor(
            name: "still", kind: .merge, summary: "Averages cells.", source: "none", cost: "O(T N D)")

        init(_ values: ParameterValues) {}

        func plan(for input: ReductionInput, segments: [Segment], count: Int) -> ReductionPlan {
            let cells = input.grid.shape.tokensPerFrame
            return ReductionPlan(
                sourceCount: input.grid.shape.tokenCount,
                rows: segments.flatMap { segment in
                    (0..<cells).map { cell in
                        let sources = segment.frames.map { $0 * cells + cell }
                        return .init(anchor: sources[0], averaging: sources)
                    }
                })
        }
    }

    private enum Extreme: CaseIterable { case largest, smallest }

    /// Keeps tokens by the sum of their values.
    private struct SumPruner: TokenPruner {
        static let descriptor = StageDescriptor(
            name: "sum", kind: .prune, summary: "Keeps by the sum.", source: "none",
            parameters: [
                .choice("extreme", among: ["largest", "smallest"], "Which sums to keep."),
                .real("power", 1, in: 0...4, "What sums are raised to."),
                .flag("first", false, "Whether the first token stays in any case."),
            ], needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N D)")
        private let extreme: Extreme
        private let power: Double
        private let keepsFirst: Bool

        init(_ values: ParameterValues) {
            extreme = values.choice("extreme", as: Extreme.self)
            power = values.real("power")
            keepsFirst = values.flag("first")
        }

        func selection(
            from candidates: CandidateTokens, of input: ReductionInput, count: Int
        ) throws(TokenReelError) -> [Int] {
            try input.checkCancellation()
            let saliency = candidates.plan.applied(to: input.saliency())
            let values = candidates.values.array
            var sums = (0..<candidates.plan.count).map { row in
                saliency[row] * values[row * input.channels..<(row + 1) * input.channels].reduce(0, +)
            }
            if power == 0 { sums = sums.map { _ in 1 } }
            if keepsFirst { sums[0] = extreme == .largest ? .infinity : -.infinity }
            let kept = extreme == .largest ? Ranking.largest(count, of: sums) : Ranking.smallest(count, of: sums)
            return kept.sorted()
        }
    }

    /// Names tokens by the sign of their first value.
    private struct SignHasher: TokenHasher {
        static let descriptor = StageDescriptor(
            name: "sign", kind: .hash, summary: "Two codes.", source: "none", cost: "O(T N)")

        init(_ values: ParameterValues) {}

        func hash(_ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize) -> TokenHash {
            let first = (0..<input.grid.shape.tokenCount).map { input.grid.values[$0 * input.channels] }
            return TokenHash(labels: first.map { $0 < 0 ? 7 : 3 }, similarity: first.map(abs), of: input)
        }
    }

    private let own = RecipeDescriptor(
        "own", "Of own stages.", source: "this test", segmenter: EvenSegmenter.self, merger: StillMerger.self,
        pruner: SumPruner.self, hasher: SignHasher.self, defaults: ["length": 3], candidatesPerToken: 4)

    @Test func everyStageOfAnOwnRecipeRuns() throws {
        let grid = try RandomGrid.video(frames: 9, rows: 4, columns: 4, channels: 8, seed: 1)
        var request = ReductionRequest(budget: .tokens(12))
        request.allowSubstitute = true
        let reduction = try own.recipe().reduce(grid, request)
        #expect(reduction.plan.count == 12)
        #expect(reduction.segments.map(\.count) == [3, 3, 3])
        #expect(reduction.plan.sizes.allSatisfy { $0 == 3 })
        #expect(reduction.tokenHash?.count == 2)
        for token in 0..<grid.shape.tokenCount {
            let isNegative = grid.values[token * 8] < 0
            let first = grid.values[0] < 0
            #expect(reduction.tokenHash?.codes[token] == (isNegative == first ? 0 : 1))
        }
        request.budget = .tokens(4)
        let longer = try own.recipe(parameters: ["length": "9"]).reduce(grid, request)
        #expect(longer.segments.count == 1)
        #expect(longer.plan.sizes == [9, 9, 9, 9])
    }

    @Test func parametersOfOwnStagesReachThem() throws {
        let pruning = RecipeDescriptor("sum", "Prunes.", source: "this test", pruner: SumPruner.self)
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 2, rows: 4, columns: 4, channels: 8, seed: 2), seed: 3)
        func anchors(_ parameters: [String: String]) throws -> [Int32] {
            try pruning.recipe(parameters: parameters).reduce(grid, ReductionRequest(budget: .tokens(16))).plan.anchors
        }
        let largest = try anchors([:])
        let smallest = try anchors(["extreme": "smallest"])
        #expect(Set(largest).isDisjoint(with: smallest))
        #expect(try anchors(["power": "0"]) == Array(0..<16))
        #expect(try anchors(["first": "1"]).first == 0)
        #expect(try anchors(["first": "1", "extreme": "smallest"]).first == 0)
        #expect(pruning.parameters.map(\.name) == ["extreme", "power", "first"])
        for (name, value) in [("extreme", "middle"), ("power", "5"), ("first", "2"), ("length", "1")] {
            #expect(throws: TokenReelError.self) { try anchors([name: value]) }
        }
    }

    @Test func ownRecipesKeepTheRulesOfAll() throws {
        let grid = try RandomGrid.video(frames: 4, rows: 2, columns: 2, channels: 8, seed: 4)
        func refusal(_ change: (inout ReductionRequest) -> Void) -> TokenReelError.Code? {
            var request = ReductionRequest(budget: .tokens(2))
            change(&request)
            do throws(TokenReelError) { _ = try own.recipe().reduce(grid, request) } catch { return error.code }
            return nil
        }
        #expect(own.needs == [.saliency])
        #expect(refusal { _ in } == .missingSignal)
        #expect(
            refusal {
                $0.allowSubstitute = true
                $0.asPublished = true
            } == .invalidArgument)
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(
            refusal {
                $0.allowSubstitute = true
                $0.cancellation = cancellation
            } == .cancelled)
    }
}
