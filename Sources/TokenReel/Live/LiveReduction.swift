public import TokenCore
public import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// Frames in, tokens out, for as long as the source delivers: a ``Pipeline`` over a stream.
///
/// ```swift
/// var pipeline = try Pipeline()
/// pipeline.request.budget = .ratio(0.05)
/// let reduction = LiveReduction(pipeline, window: StreamWindow(frames: 32))
/// for try await case .segment(let segment) in reduction.events(of: video) {
///     print(segment.id, segment.sequence.count)
/// }
/// ```
///
/// A segment is committed as soon as no later frame can change it, or the window is full; then it is reduced like a
/// video of its own, handed over and forgotten, so memory is bounded by the window. A file with the same frames,
/// reduced by a pipeline with the same ``Pipeline/window``, gives the same segments and tokens.
///
/// Budgets hold for the stream as a whole, at the end of each segment: `.ratio` and `.perFrame` are exact for all
/// frames so far, and what rounding takes from one segment it gives to the next. `.tokens` is refused, since a stream
/// has no end.
public struct LiveReduction: Sendable {
    /// What is done with frames and segments; its ``Pipeline/question``, ``Pipeline/exemplar`` or query stands from the
    /// start under the name `query`, and its ``Pipeline/window`` does not count.
    public var pipeline: Pipeline
    /// How much may wait for a segment to be finished.
    public var window: StreamWindow
    /// Where segments' codebooks come from, for methods that hash.
    public var codebook = StreamCodebook.fresh
    /// An empty memory that segments enter as they leave; nil for none.
    ///
    /// ``LiveControl/snapshot()`` shows it.
    public var memory: StreamMemory?
    /// What token files name as their source, such as ``LiveSource``'s name; nil for nothing.
    public var sourceName: String?

    /// A stream reduced by `pipeline`.
    public init(_ pipeline: Pipeline, window: StreamWindow = StreamWindow()) {
        self.pipeline = pipeline
        self.window = window
    }

    /// Checks the settings before anything is opened.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for settings that make no sense, or none for a stream;
    ///   ``TokenReelError/Code/missingSignal`` for a method that needs what the encoder does not give.
    public func validate() throws(TokenReelError) {
        try pipeline.validate()
        try window.validate()
        _ = try RunningBudget(pipeline.request.budget, tokensPerFrame: 1, totalFrames: nil)
        let encoder = pipeline.encoder
        let recipe = try pipeline.recipe()
        try codebook.validate(for: recipe, channels: encoder.channels)
        // How large the frames of a model are that fits itself to videos shows at the first.
        try memory?.validate(tokensPerFrame: encoder.fitsVideos ? 1 : encoder.rows * encoder.columns)
        try pipeline.asking(nil).rehearse(recipe)
        if let query = pipeline.standingQuery { try check(query) }
    }

    /// Checks that a query fits the tokens of this stream, so that it can be added while it runs; encodes one frame.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for vectors of another length,
    ///   ``TokenReelError/Code/missingSignal`` if the encoder gives nothing to compare words with, or not what the
    ///   method needs to choose by a query.
    public func check(_ query: StandingQuery) throws(TokenReelError) {
        let recipe = try pipeline.recipe()
        var frames = FrameSequenceEncoder(try watching)
        let size = pipeline.encoder.frameSize ?? (16 * pipeline.encoder.columns, 16 * pipeline.encoder.rows)
        try frames.fit(to: outline(width: size.width, height: size.height, rate: nil))
        let black = VideoFrame(
            width: size.width, height: size.height, pixels: [UInt8](repeating: 0, count: size.width * size.height * 3),
            pts: MediaTime(ticks: 0, timeBase: .one))
        var builder = GridBuilder(limits: pipeline.decodeOptions.limits)
        var waiting = [try frames.encoder.resized(black)]
        try frames.encode(&waiting, into: &builder)
        let grid = try builder.finish(from: frames.encoder)
        _ = try recipe.reduce(grid, pipeline.request(for: [query], about: grid))
    }

    /// What an encoder is told of frames that have no number; for a model whose frames share a budget, that it sees the
    /// stream a window at a time.
    func outline(width: Int, height: Int, rate: Double?) -> VideoOutline {
        VideoOutline(
            width: width, height: height, frames: window.frames * pipeline.encoder.framesPerGroup,
            sampledRate: rate ?? pipeline.sampleRate)
    }

    /// The pipeline with all signals that its method may come to need: a query may be added at any time.
    var watching: Pipeline {
        get throws(TokenReelError) {
            var watching = pipeline
            let pruners = try pipeline.recipes.descriptor(named: pipeline.method).stages.filter { $0.kind == .prune }
            watching.signals.formUnion(pruners.reduce(try pipeline.recipe().needs) { $0.union($1.needs) })
            return watching
        }
    }

    /// Reduces what `frames` bring until they end or `control` is told to finish; closes them in the end.
    ///
    /// Blocks; call it from a thread of your own, or use ``events(of:control:)``.
    ///
    /// - Parameter receive: Called on the same thread, in order. While it works nothing is read, so a source that can't
    ///   be held back drops frames, and counts them.
    /// - Throws: What ``validate()`` throws, what `receive` throws, and ``TokenReelError`` of encoder and method,
    ///   `cancelled` among them.
    public func run(
        _ frames: any LiveFrames, control: LiveControl = LiveControl(),
        receive: (LiveReductionEvent) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        defer { frames.close() }
        try validate()
        var run = try LiveRun(self, frames, control)
        try run.run(receive)
    }
}
