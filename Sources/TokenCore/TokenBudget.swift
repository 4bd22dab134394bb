/// How many tokens may leave the pipeline, stated so that the count is known before a pixel is read.
public enum TokenBudget: Sendable, Equatable {
    /// A share of the source tokens, above 0 and up to 1.
    case ratio(Double)
    /// A number of tokens for the whole input.
    case tokens(Int)
    /// A number of tokens for every frame, on average; frames share the total.
    case perFrame(Int)

    /// The exact number of output tokens for a grid of `frames` frames of `tokensPerFrame` tokens.
    ///
    /// `ratio` rounds to the nearest whole number. The result is at least 1 (unless the grid is empty) and at most the
    /// number of source tokens.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for a ratio outside (0, 1] or a count below 1.
    public func count(frames: Int, tokensPerFrame: Int) throws(TokenReelError) -> Int {
        let sources = frames * tokensPerFrame
        let wanted: Int
        switch self {
        case .ratio(let ratio):
            guard ratio > 0, ratio <= 1 else {
                throw TokenReelError(
                    .invalidArgument, subject: "budget", found: "a retention ratio of \(ratio)",
                    allowed: "above 0 and up to 1", remedy: "set it with --keep")
            }
            wanted = Int((ratio * Double(sources)).rounded())
        case .tokens(let count):
            wanted = try Self.positive(count, option: "--tokens")
        case .perFrame(let count):
            // Clamped first, so that an absurd count can't overflow the product.
            wanted = try min(Self.positive(count, option: "--per-frame"), tokensPerFrame) * frames
        }
        return min(max(wanted, 1), sources)
    }

    private static func positive(_ count: Int, option: String) throws(TokenReelError) -> Int {
        guard count >= 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "budget", found: "\(count) tokens", allowed: "1 or more",
                remedy: "set it with \(option)")
        }
        return count
    }
}
