package import TokenCore

/// Divides a budget among the segments of a stream so that it holds exactly at the end of each.
///
/// After any number of frames the segments so far have what the budget says of that many: a segment gets the difference
/// of two such counts, so what rounding takes from one it gives to the next. A small segment under a small ratio may get
/// none.
package struct RunningBudget: Sendable {
    private let budget: TokenBudget
    private let tokensPerFrame: Int
    private let totalFrames: Int?
    private var frames = 0
    private var given = 0

    /// - Parameter totalFrames: Frames there will be; nil if nobody knows.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a budget that makes no sense, such as a number of tokens for a
    ///   stream without an end.
    package init(_ budget: TokenBudget, tokensPerFrame: Int, totalFrames: Int?) throws(TokenReelError) {
        if case .tokens(let count) = budget, totalFrames == nil {
            throw TokenReelError(
                .invalidArgument, subject: "budget", found: "\(count) tokens for a stream, which has no end",
                allowed: "a share of the tokens or a number for each frame",
                remedy: "set it with --keep or --per-frame")
        }
        _ = try budget.count(frames: 1, tokensPerFrame: 1)
        self.budget = budget
        self.tokensPerFrame = tokensPerFrame
        self.totalFrames = totalFrames
    }

    /// What the next `count` frames get.
    package mutating func next(frames count: Int) throws(TokenReelError) -> Int {
        frames += count
        let due = try due()
        defer { given = due }
        return due - given
    }

    /// What all frames so far get together.
    private func due() throws(TokenReelError) -> Int {
        guard case .tokens = budget, let totalFrames else {
            return try budget.count(frames: frames, tokensPerFrame: tokensPerFrame)
        }
        // Rounded to the nearest, in whole numbers.
        let total = try budget.count(frames: totalFrames, tokensPerFrame: tokensPerFrame)
        return (2 * total * frames + totalFrames) / (2 * totalFrames)
    }
}
