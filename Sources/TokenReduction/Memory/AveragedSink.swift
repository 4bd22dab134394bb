/// A memory whose first frames slowly take in the frames that leave its window.
///
/// Source: Reward Forcing (arXiv 2512.04678), EMA-Sink: the sink starts as the first frames; each block of evicted frames
/// as large as the sink changes it element by element at equal grid positions, `S <- alpha S + (1 - alpha) evicted`. The
/// effect of a frame halves every `ln 0.5 / ln alpha` blocks: 693 at the paper's 0.999, 6.6 at 0.9.
///
/// The released code overwrites the first tokens of the sink when a block is of another size; here evicted frames wait
/// until they fill a block.
public struct AveragedSink: Sendable {
    /// Share of the sink that stays at each update.
    public let alpha: Float
    /// How many blocks of frames the sink has taken in.
    public private(set) var updates = 0
    /// Frames of the sink, each `[cells * channels]`.
    public private(set) var sink: [[Float]] = []

    private let sinkFrames: Int
    private var window: SinkWindow<[Float]>
    private var waiting: [[Float]] = []

    /// An empty memory of `sinkFrames` averaged frames and the `recent` last ones.
    ///
    /// - Precondition: At least one sink frame, and `alpha` in 0...1.
    public init(sinkFrames: Int, recent: Int, alpha: Float) {
        precondition(sinkFrames >= 1 && 0...1 ~= alpha, "a sink of one frame or more that keeps a share of itself")
        self.sinkFrames = sinkFrames
        self.alpha = alpha
        window = SinkWindow(sinks: 0, recent: recent)
    }

    /// The sink, then the recent frames.
    public var frames: [[Float]] { sink + window.entries }

    /// Remembers a frame.
    ///
    /// - Precondition: All frames have the same size.
    public mutating func append(_ frame: [Float]) {
        precondition(sink.first.map { $0.count == frame.count } ?? true, "frames of one size")
        guard sink.count == sinkFrames else { return sink.append(frame) }
        guard let evicted = window.append(frame) else { return }
        waiting.append(evicted)
        guard waiting.count == sinkFrames else { return }
        for (index, frame) in waiting.enumerated() {
            sink[index] = zip(sink[index], frame).map { alpha * $0 + (1 - alpha) * $1 }
        }
        waiting = []
        updates += 1
    }
}
