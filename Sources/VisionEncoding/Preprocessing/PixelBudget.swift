public import TokenCore

/// The size that a Qwen-VL processor brings the frames of a video to: near their own, in whole tokens, within a budget.
///
/// Source: `smart_resize` and `resize` of transformers' Qwen2-VL and Qwen3-VL video processors, with Python's rounding
/// of halves to even.
public struct PixelBudget: Sendable, Equatable {
    /// What the pixels are counted over.
    public enum Scope: String, Sendable, Equatable {
        /// Each frame; Qwen2.5-VL's.
        case frame
        /// All frames together; Qwen3-VL's.
        case video
    }

    /// The fewest and the most pixels: `size.shortest_edge` and `size.longest_edge` of the processor.
    public var pixels: ClosedRange<Int>
    /// What they are counted over.
    public var scope: Scope
    /// Pixels along one side of a token, of which both edges become multiples.
    public var tokenSide: Int
    /// Frames that one token covers.
    public var framesPerToken: Int
    /// The processor's `max_video_tokens` where it sets `cap_pixels_per_frame`; nil, its default, leaves frames
    /// uncapped.
    ///
    /// They are tokens of a video for the scope of a frame, and tokens of a frame for the scope of a video.
    public var cappedTokens: Int?

    /// Makes a budget.
    public init(
        pixels: ClosedRange<Int>, scope: Scope, tokenSide: Int, framesPerToken: Int = 2, cappedTokens: Int? = nil
    ) {
        self.pixels = pixels
        self.scope = scope
        self.tokenSide = tokenSide
        self.framesPerToken = framesPerToken
        self.cappedTokens = cappedTokens
    }

    /// Sets one end or both; an end that is left out gives way where it would lie beyond the other.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for ends below 1 or that do not ascend.
    mutating func restrict(least: Int?, most: Int?) throws(TokenReelError) {
        let newMost = most ?? max(pixels.upperBound, least ?? 1)
        let newLeast = least ?? min(pixels.lowerBound, newMost)
        guard 1 <= newLeast, newLeast <= newMost else {
            throw TokenReelError(
                .invalidArgument, subject: "pixel budget", found: "\(newLeast) to \(newMost) pixels",
                allowed: "ascending numbers of 1 or more")
        }
        pixels = newLeast...newMost
    }

    /// Pictures longer than this many times their width are refused by the processors.
    private static let largestAspect = 200.0

    /// The size in pixels of every frame of a video of `frames` frames of `width` x `height`.
    ///
    /// - Parameter frames: Nil where the number is unknown, which the scope of a frame allows unless it is capped.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` for frames over 200 times as long as wide or without a pixel, and
    ///   where the number of frames has to be known and is not.
    public func size(width: Int, height: Int, frames: Int?) throws(TokenReelError) -> (width: Int, height: Int) {
        guard width > 0, height > 0 else {
            throw TokenReelError(
                .unsupportedInput, subject: "video", found: "frames of \(width) x \(height) pixels",
                allowed: "at least one pixel")
        }
        guard let frames = frames ?? (scope == .frame && cappedTokens == nil ? 1 : nil) else {
            throw TokenReelError(
                .unsupportedInput, subject: "video", found: "a number of frames that shows only at the end",
                allowed: "a file, for a model whose frames share a budget of pixels")
        }
        var (width, height) = (width, height)
        // What one pixel of a frame counts, before and after the number of frames is rounded to whole tokens.
        var (share, rounded) = (1, 1)
        if scope == .video {
            // A lone frame is repeated until it fills a token.
            share = max(frames, framesPerToken)
            rounded = Int((Double(share) / Double(framesPerToken)).rounded(.toNearestOrEven)) * framesPerToken
            if min(width, height) < tokenSide {
                let scale = max(Double(tokenSide) / Double(height), Double(tokenSide) / Double(width))
                (width, height) = (Int(Double(width) * scale), Int(Double(height) * scale))
            }
        }
        guard Double(max(width, height)) / Double(min(width, height)) <= Self.largestAspect else {
            throw TokenReelError(
                .unsupportedInput, subject: "video", found: "frames of \(width) x \(height) pixels",
                allowed: "frames at most \(Int(Self.largestAspect)) times as long as wide")
        }
        let most = most(frames: share, of: max(frames, 1))
        func tokens(_ edge: Double, _ rule: FloatingPointRoundingRule) -> Int {
            Int((edge / Double(tokenSide)).rounded(rule)) * tokenSide
        }
        let nearest = (
            width: tokens(Double(width), .toNearestOrEven), height: tokens(Double(height), .toNearestOrEven)
        )
        let area = Double(share * height * width)
        let cost = rounded * nearest.width * nearest.height
        if cost > most {
            let beta = (area / Double(most)).squareRoot()
            return (
                max(tokenSide, tokens(Double(width) / beta, .down)),
                max(tokenSide, tokens(Double(height) / beta, .down))
            )
        }
        if cost < pixels.lowerBound {
            let beta = (Double(pixels.lowerBound) / area).squareRoot()
            return (tokens(Double(width) * beta, .up), tokens(Double(height) * beta, .up))
        }
        return nearest
    }

    /// The most pixels, capped where the processor does.
    private func most(frames share: Int, of frames: Int) -> Int {
        guard let cappedTokens else { return pixels.upperBound }
        let floor = Int(Double(pixels.lowerBound) * 1.05)
        let capped = cappedTokens * tokenSide * tokenSide
        switch scope {
        case .frame:
            return max(min(pixels.upperBound, Int(Double(capped) * 0.9) * framesPerToken / frames), floor)
        case .video: return max(min(capped, pixels.upperBound / share), floor) * share
        }
    }
}
