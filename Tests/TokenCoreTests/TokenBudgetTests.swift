import Testing
import TokenCore

@Suite struct TokenBudgetTests {
    @Test(arguments: [
        (TokenBudget.ratio(0.1), 32, 196, 627),  // 627.2
        (.ratio(0.15), 32, 196, 941),  // 940.8
        (.ratio(1), 3, 4, 12),
        (.ratio(0.0001), 1, 4, 1),
        (.tokens(64), 2, 196, 64),
        (.tokens(1000), 1, 196, 196),
        (.perFrame(20), 5, 196, 100),
        (.perFrame(.max), 5, 196, 980),
        (.ratio(0.5), 0, 196, 0),
    ])
    func countsAreExact(_ budget: TokenBudget, frames: Int, tokensPerFrame: Int, expected: Int) throws {
        #expect(try budget.count(frames: frames, tokensPerFrame: tokensPerFrame) == expected)
    }

    @Test(arguments: [TokenBudget.ratio(0), .ratio(1.5), .ratio(.nan), .ratio(-0.1), .tokens(0), .perFrame(-3)])
    func nonsenseIsRefusedWithTheOptionThatSetsIt(_ budget: TokenBudget) {
        let error = #expect(throws: TokenReelError.self) { try budget.count(frames: 2, tokensPerFrame: 4) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.remedy?.contains("--") == true)
    }
}
