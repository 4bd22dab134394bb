public import TokenCore
public import TokenReduction
public import VideoDecoding
public import VisionEncoding

/// From a video, or a token grid made elsewhere, to few tokens.
///
/// ```swift
/// var pipeline = try Pipeline()
/// pipeline.request.budget = .tokens(512)
/// let reduced = try await pipeline.reduced(.file("clip.mp4"))
/// try reduced.sequence.write(to: "clip.safetensors", metadata: reduced.metadata)
/// print(reduced.report.quality.coverage)
/// ```
///
/// The same input and settings give the same tokens and metadata, whatever the number of threads.
public struct Pipeline: Sendable {
    /// What turns frames into tokens.
    public var encoder: any FrameEncoder
    /// Which frames to take, from when to when, of which stream, at what cost; the size follows from ``encoder``.
    public var decodeOptions: DecodeOptions {
        didSet { fitFrameSize() }
    }
    /// The name of the recipe, one of ``recipes``.
    public var method = RecipeRegistry.defaultName
    /// What ``method`` chooses from: the registry's recipes, and those of your own that you add.
    public var recipes = RecipeRegistry.recipes
    /// Signals that a video's grid carries besides saliency; those that ``method`` needs need not be named.
    ///
    /// What ``availableSignals`` does not list is left out.
    public var signals: Set<Signal> = []
    /// Values for the recipe's parameters, as typed.
    public var parameters: [String: String] = [:]
    /// How many tokens to keep, what to look for, and how.
    public var request: ReductionRequest
    /// Cuts and reduces a video as a stream with this window would be, segment by segment; nil looks at it as a whole.
    public var window: StreamWindow?
    /// Stores the tokens in fewer bits; nil keeps them as numbers.
    public var quantization: TokenQuantization?
    /// Compares tokens together with their further streams, where the grid has some, instead of alone.
    public var comparesStreams = false
    /// Whose rule numbers the positions of Qwen-VL tokens; tokens of other models have none.
    public var positionRule = PositionRule.transformers5
    /// A question in words, for an ``encoder`` whose tokens can be brought to it: the vision tower of the same checkpoint,
    /// or a ``PairedEncoder`` with it.
    public var question: TextQuery?
    /// A picture of the thing to look for, as ``FrameEncoder/query(from:)`` of the same ``encoder`` turned it into vectors.
    public var exemplar: Query?
    /// What the query was made from, for the file's metadata.
    public var queryDescription: String?
    /// Whether the report says how well the tokens stand for the grid, which can take longer than the reduction.
    package var measuresQuality = true

    /// One frame a second, the built-in encoder, the default recipe and a tenth of the tokens.
    public init() throws(TokenReelError) { self.init(encoder: try DescriptorEncoder()) }

    /// The same with another encoder, whose model may have a rule of its own for frames.
    public init(encoder: any FrameEncoder) {
        self.encoder = encoder
        decodeOptions = DecodeOptions()
        if let spread = encoder.frameSpread { decodeOptions.sampling = .spread(spread) }
        request = ReductionRequest(budget: .ratio(0.1))
        fitFrameSize()
    }

    /// Takes frames at a rate, or some number of them: as the model's own video processor would, where it has a rule, and
    /// otherwise by their times.
    public mutating func sample(_ wanted: FrameSpread.Wanted) {
        if var spread = encoder.frameSpread {
            spread.wanted = wanted
            decodeOptions.sampling = .spread(spread)
            return
        }
        switch wanted {
        case .rate(let rate): decodeOptions.sampling = .rate(rate)
        case .count(let count): decodeOptions.sampling = .count(count)
        }
    }

    /// Frames a second that the settings would take; nil where they name no rate.
    package var sampleRate: Double? {
        switch decodeOptions.sampling {
        case .rate(let rate): rate
        case .spread(let spread): spread.rate
        case .all, .count, .keyframes, .times: nil
        }
    }

    private mutating func fitFrameSize() {
        let size = encoder.frameSize.map { FrameSize.exactly(width: $0.width, height: $0.height) } ?? .display
        if decodeOptions.size != size { decodeOptions.size = size }
    }

    /// Checks the settings that can be checked without an input.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func validate() throws(TokenReelError) {
        _ = try recipe()
        _ = try request.budget.count(frames: 1, tokensPerFrame: 1)
        try window?.validate()
    }

    /// The recipe that ``method`` names, with ``parameters``.
    package func recipe() throws(TokenReelError) -> Recipe {
        try recipes.descriptor(named: method).recipe(parameters: parameters)
    }

    /// Signals that a video can be encoded with: the encoder's own, and what follows from the pictures alone.
    public var availableSignals: Set<Signal> { encoder.signals.union([.pixelChange]) }

    private var hasQuestion: Bool { question != nil || exemplar != nil || request.hasQuestion }

    /// What a video's grid has to carry for a recipe; where something is looked for, its pruner runs too.
    func signals(for recipe: Recipe) throws(TokenReelError) -> Set<Signal> {
        let pruners = try recipes.descriptor(named: recipe.name).stages.filter {
            hasQuestion && $0.kind == .prune
        }
        return pruners.reduce(recipe.needs) { $0.union($1.needs) }
    }

    /// The request with what is looked for put to a grid.
    func request(about encoded: EncodedInput) throws(TokenReelError) -> ReductionRequest {
        var request = request
        request.query = request.query ?? encoded.query
        if let question {
            try request.cancellation?.check()
            request.relevance = try question.relevance(of: encoded.grid, workers: request.workers)
        } else if let exemplar {
            let grid = encoded.grid
            // Beside patch embeddings as long as the tokens its vectors would be compared with those.
            if [grid.shape.channels, grid.patchEmbeddingChannels].allSatisfy({ $0 == exemplar.channels }) {
                request.relevance = QueryRelevance.scores(of: grid.values, for: exemplar, workers: request.workers)
            } else {
                request.query = exemplar
            }
        }
        return request
    }

    /// What a method compares: the tokens of a grid, or if it looks at all streams, with those behind them.
    func compared(_ grid: TokenGrid) throws(TokenReelError) -> TokenGrid {
        guard comparesStreams, !grid.deepstack.isEmpty else { return grid }
        guard try !RecipeRegistry.descriptor(named: method).stages.contains(where: { $0.kind == .hash }) else {
            throw TokenReelError(
                .invalidArgument, subject: "method \(method)", found: "a codebook of tokens joined with other streams",
                remedy: "leave out --compare-streams, or choose a method without codebook")
        }
        return try grid.joined()
    }

    /// The same for a request, whose question is put to the tokens alone before.
    func compared(_ grid: TokenGrid, _ request: inout ReductionRequest) throws(TokenReelError) -> TokenGrid {
        let compared = try compared(grid)
        if compared.shape != grid.shape, let query = request.query, query.channels == grid.shape.channels,
            request.relevance == nil
        {
            request.relevance = QueryRelevance.scores(of: grid.values, for: query, workers: request.workers)
            request.query = nil
        }
        return compared
    }

    /// Throws at once what `recipe` would throw after a video has been decoded: an empty grid with the signals that the
    /// encoder gives lacks what the full one will lack.
    func rehearse(_ recipe: Recipe) throws(TokenReelError) {
        let available = availableSignals
        let shape = try GridShape(frames: 0, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
        let maps = available.intersection(Signal.maps).map { ($0, TokenMap(values: [])) }
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer([]), frameTimes: [], saliency: available.contains(.saliency) ? [] : nil,
            frameFeatures: available.contains(.frameFeatures) ? [] : nil,
            patchEmbeddings: available.contains(.patchEmbeddings) ? TensorBuffer([]) : nil,
            maps: Dictionary(uniqueKeysWithValues: maps))
        var request = request
        request.relevance = hasQuestion ? [] : nil
        request.query = nil
        _ = try recipe.reduce(grid, request)
    }

    /// The tokens as they are to be stored.
    func stored(
        _ exact: TokenSequence, _ reduction: Reduction, of grid: TokenGrid
    ) throws(TokenReelError) -> TokenSequence {
        guard let quantization else { return exact }
        return try exact.quantized(
            by: quantization, importance: reduction.importance(in: grid), workers: request.workers)
    }

    // MARK: Running

    /// Decodes and encodes a video, or takes the grid if the input is one.
    ///
    /// Blocks; call it from a thread of your own, or use ``encoded(_:)``.
    ///
    /// - Throws: ``TokenReelError`` of the decoder and of ``TokenGridFile``; `limitExceeded` for a grid above
    ///   `limits.gridBytes`; `cancelled`.
    public func encode(
        _ input: OpenInput, progress: ProgressHandler? = nil
    ) throws(TokenReelError) -> EncodedInput {
        switch input.content {
        case .grid(let file):
            return EncodedInput(grid: file.grid, query: file.query, metadata: file.metadata, video: nil)
        case .video(let source):
            let digest = DigestInBackground(of: input, request.cancellation)
            let outcome: VideoEncoder.Outcome
            do {
                outcome = try VideoEncoder(self, cancellation: request.cancellation).encode(source) {
                    frames, expected in
                    progress?(PipelineProgress(stage: .decode, frames: frames, expectedFrames: expected))
                }
            } catch {
                digest.abandon()
                throw input.restated(error)
            }
            try digest.wait()
            return EncodedInput(
                grid: outcome.grid, query: nil, metadata: [:],
                video: EncodedInput.Video(
                    info: outcome.info, facts: outcome.facts, statistics: outcome.statistics,
                    decodeSeconds: outcome.decodeSeconds,
                    encodeSeconds: outcome.encodeSeconds))
        }
    }

    /// Runs all stages.
    ///
    /// Blocks; call it from a thread of your own, or use ``reduced(_:name:)`` or ``reducing(_:name:)``.
    ///
    /// - Throws: What ``encode(_:progress:)`` throws, and ``TokenReelError`` of the recipe: `invalidArgument`,
    ///   `missingSignal`.
    public func reduce(
        _ input: OpenInput, progress: ProgressHandler? = nil
    ) throws(TokenReelError) -> ReducedInput {
        let start = ContinuousClock.now
        let recipe = try recipe()
        if !input.isGrid { try rehearse(recipe) }
        var encoding = self
        try encoding.signals.formUnion(signals(for: recipe))
        let encoded = try encoding.encode(input, progress: progress)
        return try reduce(encoded, by: recipe, since: start, from: input, progress)
    }

    /// Reduces a grid that is in memory; the encoder and the sampling play no part.
    ///
    /// Blocks, as ``reduce(_:progress:)`` does.
    ///
    /// - Throws: ``TokenReelError`` of the recipe: `invalidArgument`, `missingSignal`; `cancelled`.
    public func reduce(encoded: EncodedInput, progress: ProgressHandler? = nil) throws(TokenReelError) -> ReducedInput {
        try reduce(encoded, by: recipe(), since: .now, from: nil, progress)
    }

    private func reduce(
        _ encoded: EncodedInput, by recipe: Recipe, since start: ContinuousClock.Instant, from input: OpenInput?,
        _ progress: ProgressHandler?
    ) throws(TokenReelError) -> ReducedInput {
        let grid = encoded.grid
        progress?(PipelineProgress(stage: .reduce, frames: grid.shape.frames, expectedFrames: grid.shape.frames))
        var request = try request(about: encoded)
        let compared = try compared(grid, &request)
        let reduction =
            if let window {
                try recipe.reduce(compared, request, window: window)
            } else {
                try recipe.reduce(compared, request)
            }
        var clock = Stopwatch()
        clock.start()
        try request.cancellation?.check()
        let exact = TokenSequence(reduction, of: grid)
        var sequence = try stored(exact, reduction, of: grid)
        let quality =
            measuresQuality
            ? ReductionQuality.measure(reduction.plan, on: grid, tokens: sequence.tokens, workers: request.workers)
            : .unmeasured
        clock.stop()
        var metadata = if let input { try provenance(of: input) } else { try provenance() }
        metadata["query"] = queryDescription
        for (key, value) in encoded.facts { metadata[key] = value }
        let facts = try RotaryFacts(metadata)
        if let facts { sequence = sequence.placed(facts, by: positionRule) }
        metadata.merge(reduction.frameGridMetadata(of: grid.shape, facts)) { _, own in own }
        let encoderNotices = encoded.video.map { encoder.notices + $0.statistics.notices } ?? []
        let measure = StageTiming(stage: "measure", seconds: clock.seconds)
        let report = ReductionReport(
            shape: grid.shape, tokensOut: sequence.count, segments: reduction.segments.count,
            hash: reduction.tokenHash.map { $0.figures(of: grid, workers: request.workers) },
            quantization: sequence.quantized.map {
                QuantizationFigures($0, before: exact.tokens, after: sequence.tokens)
            },
            prefixCoverage: reduction.prefixCoverage, codebookSize: reduction.tokenHash?.count, quality: quality,
            stages: (encoded.video?.stages ?? []) + reduction.stageSeconds + [measure],
            seconds: (ContinuousClock.now - start) / .seconds(1), video: encoded.video?.info,
            statistics: encoded.video?.statistics,
            notices: encoderNotices + reduction.notices,
            peakMemoryBytes: ProcessMemory.peakBytes)
        return ReducedInput(sequence: sequence, metadata: metadata, report: report)
    }
}

/// Computes an input's digest while the same bytes are decoded.
private struct DigestInBackground: ~Copyable {
    private let thread: DedicatedThread
    private let input: OpenInput
    private let cancellation: Cancellation?
    private let abandoned = Cancellation()

    init(of input: OpenInput, _ cancellation: Cancellation?) {
        self.input = input
        self.cancellation = cancellation
        let abandoned = abandoned
        // What goes wrong here goes wrong again, and is reported, when the digest is asked for.
        thread = DedicatedThread { _ = try? input.digest(cancellation: abandoned) }
    }

    consuming func abandon() {
        abandoned.cancel()
        thread.join()
    }

    consuming func wait() throws(TokenReelError) {
        thread.join()
        try cancellation?.check()
    }
}
