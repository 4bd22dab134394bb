public import TokenCore
public import TokenReduction

/// The reduced tokens of one video, in the order the LLM reads them, with all that is known about how they came to be.
public struct TokenSequence: Sendable {
    /// The grid the tokens were made from; its `channels` are those of the tokens.
    public let shape: GridShape
    /// `[count, channels]`, row-major.
    public let tokens: TensorBuffer<Float>
    /// Which source tokens each token stands for, and with what weights.
    public let plan: ReductionPlan
    /// `[frames]`: seconds at which each frame of the grid is shown.
    public let frameTimes: [Double]
    /// The segments that were reduced on their own.
    public let segments: [Segment]
    /// `[count]`: with a query, how relevant each token is, as a cosine.
    public let relevance: [Float]?
    /// `[frames, rows, columns]`: the codebook entry of every source token, where the method hashes.
    public let codes: [Int32]?
    /// `[codebookSize, channels]`: the entries that the codes name.
    public let codebook: TensorBuffer<Float>?
    /// `[channels]`: what the model reads after the last token; ``count`` leaves it out.
    public let newline: [Float]?
    /// Of each further stream of the grid, `[count, channels]`: the same reduction of its vectors.
    public let deepstack: [TensorBuffer<Float>]
    /// Several codes for each source token, where the method has them; ``codes`` then names their words.
    public let levels: CodeLevels?
    /// Whether any prefix of the tokens is a summary, instead of the tokens being in reading order.
    public let isRanked: Bool
    /// What is stored in place of the tokens; ``tokens`` are then what it stands for.
    public let quantized: QuantizedTokens?
    /// Where a Qwen-VL language model is told that the tokens lie; nil for tokens of other models.
    public private(set) var rotaryPositions: RotaryPositions?

    /// Number of tokens.
    public var count: Int { plan.count }
    /// Number of codebook entries.
    public var codebookSize: Int { (codebook?.count ?? 0) / shape.channels }
    /// `[count, 3]`: frame, row and column of each token's anchor.
    public var positions: [Int32] {
        plan.anchors.flatMap { anchor in
            let (frame, cell) = Int(anchor).quotientAndRemainder(dividingBy: max(shape.tokensPerFrame, 1))
            let (row, column) = cell.quotientAndRemainder(dividingBy: max(shape.columns, 1))
            return [Int32(frame), Int32(row), Int32(column)]
        }
    }
    /// `[count]`: seconds at which each token's frame is shown.
    public var timestamps: [Double] {
        plan.anchors.map { frameTimes[Int($0) / max(shape.tokensPerFrame, 1)] }
    }

    /// Takes the outcome of a reduction and the grid it was made from.
    ///
    /// - Precondition: `reduction` was made from `grid`.
    public init(_ reduction: Reduction, of grid: TokenGrid) {
        self.init(
            shape: grid.shape, tokens: reduction.plan.applied(to: grid.values, channels: grid.shape.channels),
            plan: reduction.plan, frameTimes: grid.frameTimes, segments: reduction.segments,
            relevance: reduction.relevance, codes: reduction.tokenHash?.codes, codebook: reduction.tokenHash?.codebook,
            newline: grid.newline,
            deepstack: grid.deepstack.map { reduction.plan.applied(to: $0, channels: grid.shape.channels) },
            levels: reduction.tokenHash?.levels, isRanked: reduction.prefixCoverage != nil)
    }

    /// The same with tokens as they come back from few bits; further streams stay numbers.
    ///
    /// - Parameters:
    ///   - quantization: The scheme.
    ///   - importance: `[count]`: what is spent on bits goes to the largest first.
    ///   - workers: Threads to use; never changes a result.
    /// - Throws: ``TokenReelError/Code/unreadableInput`` if the tokens are too large for the scheme.
    public func quantized(
        by quantization: TokenQuantization, importance: [Float], workers: Int = 1
    ) throws(TokenReelError) -> TokenSequence {
        let stored = quantization.quantize(
            TokenMatrix(values: tokens, channels: shape.channels, importance: importance, workers: workers))
        return TokenSequence(
            shape: shape, tokens: try stored.values(), plan: plan, frameTimes: frameTimes, segments: segments,
            relevance: relevance, codes: codes, codebook: codebook, newline: newline,
            deepstack: deepstack, levels: levels, isRanked: isRanked, quantized: stored)
    }

    /// The same with positions for the language model of a Qwen-VL video.
    package func placed(_ facts: RotaryFacts, by rule: PositionRule) -> TokenSequence {
        var placed = self
        placed.rotaryPositions = RotaryPositions(
            anchors: plan.anchors, shape: shape, frameTimes: frameTimes, facts, rule)
        return placed
    }

    init(
        shape: GridShape, tokens: TensorBuffer<Float>, plan: ReductionPlan, frameTimes: [Double], segments: [Segment],
        relevance: [Float]?, codes: [Int32]?, codebook: TensorBuffer<Float>?, newline: [Float]?,
        deepstack: [TensorBuffer<Float>] = [], levels: CodeLevels? = nil, isRanked: Bool = false,
        quantized: QuantizedTokens? = nil
    ) {
        self.shape = shape
        self.tokens = tokens
        self.plan = plan
        self.frameTimes = frameTimes
        self.segments = segments
        self.relevance = relevance
        self.codes = codes
        self.codebook = codebook
        self.newline = newline
        self.deepstack = deepstack
        self.levels = levels
        self.isRanked = isRanked
        self.quantized = quantized
    }
}

/// How token values are stored in a file.
public enum TokenDType: String, Sendable, CaseIterable {
    /// IEEE half precision: 11 bits of precision, largest value 65504.
    case f16
    /// The upper half of a single: 8 bits of precision, the range of a single.
    case bf16
    /// IEEE single precision: exactly what was computed.
    case f32
}
