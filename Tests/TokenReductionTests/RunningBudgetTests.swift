import Testing
import TokenCore
import TokenReduction

@Suite struct RunningBudgetTests {
    @Test(arguments: [TokenBudget.ratio(0.1), .ratio(0.003), .ratio(1), .perFrame(3), .perFrame(1000)])
    func whatSegmentsGetIsWhatAllFramesSoFarGet(budget: TokenBudget) throws {
        var random = RandomNumbers(seed: 4)
        var running = try RunningBudget(budget, tokensPerFrame: 49, totalFrames: nil)
        var (frames, given) = (0, 0)
        for _ in 0..<300 {
            let count = 1 + random.below(9)
            let share = try running.next(frames: count)
            frames += count
            given += share
            #expect(share >= 0 && share <= count * 49)
            #expect(given == (try budget.count(frames: frames, tokensPerFrame: 49)))
        }
    }

    @Test(arguments: [1, 7, 100, 100_000])
    func aNumberOfTokensIsSpreadOverFramesThatAreKnown(tokens: Int) throws {
        var running = try RunningBudget(.tokens(tokens), tokensPerFrame: 20, totalFrames: 60)
        let shares = try (0..<20).map { _ in try running.next(frames: 3) }
        #expect(shares.reduce(0, +) == min(tokens, 60 * 20))
        #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
    }

    @Test func aStreamWithoutAnEndHasNoTotal() throws {
        let error = #expect(throws: TokenReelError.self) {
            try RunningBudget(.tokens(9), tokensPerFrame: 20, totalFrames: nil)
        }
        #expect(error?.code == .invalidArgument && error?.remedy?.contains("--keep") == true)
        #expect(throws: TokenReelError.self) { try RunningBudget(.ratio(0), tokensPerFrame: 20, totalFrames: nil) }
    }
}
