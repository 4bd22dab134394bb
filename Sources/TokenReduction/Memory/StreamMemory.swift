public import TokenCore

/// How a stream is remembered in a number of tokens that does not grow.
public enum StreamMemoryPolicy: String, Sendable, CaseIterable {
    /// The first tokens of the stream, an eighth of the memory, and the most recent ones (StreamingLLM, arXiv
    /// 2309.17453).
    case sinkWindow = "sink-window"
    /// The first frames, which slowly take in those that leave a window of recent ones; whole frames, not reduced
    /// (Reward Forcing, arXiv 2512.04678).
    case averagedSink = "averaged-sink"
    /// The tokens that were least of all a combination of others when they came (after PVC, arXiv 2412.09613).
    case novelty
    /// All tokens, the oldest of which become one with their likes whenever room is needed.
    case merging

    /// What the policy does, in one sentence.
    public var summary: String {
        switch self {
        case .sinkWindow: "Keeps the first tokens of the stream and the most recent ones."
        case .averagedSink: "Keeps the first frames, into which frames blend that are no longer recent."
        case .novelty: "Keeps the tokens that were newest compared with what came before them."
        case .merging: "Keeps everything, merging the most similar of the older tokens to make room."
        }
    }
}

/// A summary of a stream in a bounded number of tokens, brought up to date by each committed segment.
///
/// A memory of a stream is itself a reduction: each token stands for some tokens of the stream. Its grid are the frames
/// in which a token of the memory lies, each with its time in the stream; a frame in which none lies any more is
/// forgotten. So plan, sizes and owners say what the memory knows of the frames it still refers to, and the weights of
/// a token add up to less than 1 by the share of it that comes from frames which are forgotten. Both the tokens and the
/// frames are at most as many as the memory's size. Vectors beside the tokens, such as Qwen3-VL's DeepStack, are
/// remembered by the same plan.
public struct StreamMemory: Sendable {
    /// How the stream is remembered.
    public let policy: StreamMemoryPolicy
    /// Most tokens it holds.
    public let capacity: Int

    private var keeper: (any MemoryKeeper)?
    /// Seconds of the remembered frames, by their number in the stream.
    private var frameTimes: [Int: Double] = [:]
    private var rows = 0
    private var columns = 0
    private var channels = 0

    /// An empty memory.
    public init(_ policy: StreamMemoryPolicy, tokens: Int) {
        self.policy = policy
        capacity = tokens
    }

    /// Refuses a memory that is too small for its policy.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func validate(tokensPerFrame: Int) throws(TokenReelError) {
        let least = policy == .averagedSink ? tokensPerFrame : 2
        guard least...10_000_000 ~= capacity else {
            throw TokenReelError(
                .invalidArgument, subject: "memory", found: "\(capacity) tokens for \(policy.rawValue)",
                allowed: "\(least)\(policy == .averagedSink ? ", one whole frame," : "") to 10000000",
                remedy: "set it with --memory-tokens")
        }
    }

    /// Tokens it holds.
    public var count: Int { keeper?.tokens.count ?? 0 }

    /// Takes in a segment that was reduced by `plan`.
    ///
    /// - Parameter firstFrame: How many frames of the stream came before it.
    package mutating func remember(_ grid: TokenGrid, reducedBy plan: ReductionPlan, firstFrame: Int) {
        let shape = grid.shape
        (rows, columns, channels) = (shape.rows, shape.columns, shape.channels)
        for (frame, seconds) in grid.frameTimes.enumerated() { frameTimes[firstFrame + frame] = seconds }
        var keeper = keeper ?? policy.keeper(capacity, shape)
        self.keeper = nil
        keeper.remember(MemorySegment(grid: grid, plan: plan, firstFrame: firstFrame))
        let frames = Set(keeper.tokens.map { $0.anchor / shape.tokensPerFrame })
        frameTimes = frameTimes.filter { frames.contains($0.key) }
        keeper.forget(allBut: frames, cells: shape.tokensPerFrame)
        self.keeper = keeper
    }

    /// What is remembered: a plan over the frames that are not forgotten, and its tokens; nil while there are none.
    package var summary: Summary? {
        get throws(TokenReelError) {
            guard let tokens = keeper?.tokens, !tokens.isEmpty else { return nil }
            let cells = rows * columns
            let frames = frameTimes.keys.sorted()
            let numbers = Dictionary(uniqueKeysWithValues: zip(frames, frames.indices))
            func index(_ place: Int) -> Int { (numbers[place / cells] ?? 0) * cells + place % cells }
            let shape = try GridShape(frames: frames.count, rows: rows, columns: columns, channels: channels)
            let plan = ReductionPlan(
                sourceCount: shape.tokenCount,
                rows: tokens.map {
                    .init(anchor: index($0.anchor), sources: $0.sources.map(index), weights: $0.weights)
                })
            let streams = tokens[0].streams.count / channels
            return Summary(
                shape: shape, plan: plan, tokens: TensorBuffer(tokens.flatMap(\.values)),
                deepstack: (0..<streams).map { stream in
                    TensorBuffer(tokens.flatMap { $0.streams[stream * channels..<(stream + 1) * channels] })
                },
                frameTimes: frames.map { frameTimes[$0] ?? 0 })
        }
    }

    /// A memory as a reduction.
    package struct Summary: Sendable {
        package let shape: GridShape
        package let plan: ReductionPlan
        /// `[plan.count, channels]`.
        package let tokens: TensorBuffer<Float>
        /// Of each further stream, `[plan.count, channels]`.
        package let deepstack: [TensorBuffer<Float>]
        package let frameTimes: [Double]
    }
}

extension StreamMemoryPolicy {
    fileprivate func keeper(_ capacity: Int, _ shape: GridShape) -> any MemoryKeeper {
        switch self {
        case .sinkWindow: SinkWindowKeeper(capacity: capacity)
        case .averagedSink: AveragedSinkKeeper(capacity: capacity, shape: shape)
        case .novelty: NoveltyKeeper(capacity: capacity, channels: shape.channels)
        case .merging: MergingKeeper(capacity: capacity, channels: shape.channels)
        }
    }
}
