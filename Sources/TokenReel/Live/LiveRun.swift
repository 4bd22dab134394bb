internal import TensorOps
internal import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// One live reduction at work.
struct LiveRun {
    private let reduction: LiveReduction
    private var pipeline: Pipeline
    private let source: any LiveFrames
    private let control: LiveControl
    private let metadata: [String: String]
    private var encoder: FrameSequenceEncoder
    private var committer: SegmentCommitter
    private var reducer: SegmentReducer
    /// Frames of a group that is not complete.
    private var arrived: [ArrivedFrame] = []
    private var waiting: WaitingFrames
    private var isFitted = false
    /// Frames of committed segments.
    private var framesDone = 0
    private var segmentsDone = 0
    private var isInGap = false

    typealias Receive = (LiveReductionEvent) throws(TokenReelError) -> Void

    /// How long to wait for a frame before looking whether the run is to end.
    private static let patience = 0.1

    init(_ reduction: LiveReduction, _ source: any LiveFrames, _ control: LiveControl) throws(TokenReelError) {
        self.reduction = reduction
        pipeline = try reduction.watching
        self.source = source
        self.control = control
        encoder = FrameSequenceEncoder(pipeline)
        committer = SegmentCommitter(try pipeline.recipe(), window: reduction.window)
        reducer = try reduction.reducer(of: &pipeline)
        waiting = WaitingFrames(encoder: pipeline.encoder, limits: pipeline.decodeOptions.limits)
        metadata = try reduction.provenance()
        control.begin(
            source,
            reduction.memory.map {
                LiveMemory($0, of: pipeline.encoder, placedBy: pipeline.positionRule, metadata)
            })
        if let query = pipeline.standingQuery { control.add(query) }
    }

    /// Goes on until the source ends or the control says so.
    mutating func run(_ receive: Receive) throws(TokenReelError) {
        while !control.isFinishing {
            try pipeline.request.cancellation?.check()
            guard let event = source.next(timeout: Self.patience) else { continue }
            guard try handle(event, receive) else { break }
        }
        try encodeArrived(receive, all: true)
        try commitAll(receive)
        control.update { $0.isOpen = false }
    }

    /// Deals with what the source brings; false once it has ended.
    private mutating func handle(_ event: LiveEvent, _ receive: Receive) throws(TokenReelError) -> Bool {
        switch event {
        case .opened(let info, let attempt):
            isInGap = false
            control.update { $0.isOpen = true }
            try receive(.opened(info, attempt: attempt))
        case .frame(let frame, let arrival):
            arrived.append(ArrivedFrame(frame: frame, arrival: arrival))
            // Frames that have come already are encoded at the same time.
            if arrived.count < encoder.workers * encoder.encoder.framesPerGroup, let next = source.next(timeout: 0) {
                return try handle(next, receive)
            }
            try encodeArrived(receive, all: false)
        case .gap(let gap):
            try encodeArrived(receive, all: true)
            try commitAll(receive)
            let isNew = !isInGap
            isInGap = true
            control.update { progress in
                progress.isOpen = false
                if isNew { progress.gaps += 1 }
            }
            try receive(.gap(gap))
        case .ended:
            return false
        }
        return true
    }

    // MARK: Frames

    /// Encodes the groups that are complete, or all there is, and commits what that finishes.
    private mutating func encodeArrived(_ receive: Receive, all: Bool) throws(TokenReelError) {
        let size = encoder.encoder.framesPerGroup
        let frames = arrived.prefix(all ? arrived.count : arrived.count / size * size)
        guard let first = frames.first else { return }
        arrived.removeFirst(frames.count)
        try fit(to: first.frame)
        let start = ContinuousClock.now
        var resized: [VideoFrame] = []
        for frame in frames { resized.append(try encoder.encoder.resized(frame.frame)) }
        let groups = Rows.blocks(of: frames.count, size: size)
        let encoded = try encoder.encode(groups: groups.map { Array(resized[$0]) })
        let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(groups.count)
        for (frame, group) in zip(encoded, groups) {
            try append(
                WaitingFrames.Frame(
                    frame: frame, seconds: encoder.encoder.seconds(of: Array(resized[group])),
                    arrival: frames[group.lowerBound].arrival, encodeSeconds: seconds), receive)
        }
    }

    private mutating func append(_ frame: WaitingFrames.Frame, _ receive: Receive) throws(TokenReelError) {
        waiting.frames.append(frame)
        let input = self.input
        let open = waiting.frames.count
        let compared = try pipeline.compared(waiting.grid(of: open - 1..<open))
        let segments = try compared.values.withUnsafeBufferPointer { tokens throws(TokenReelError) in
            try committer.append(tokens, channels: compared.shape.channels, at: frame.seconds, input: input)
        }
        control.update { progress in
            progress.frames += 1
            progress.seconds = frame.seconds
            progress.openFrames = open
        }
        try commit(segments, receive)
    }

    /// Fits the encoder to the first frame; later ones are brought to its size.
    private mutating func fit(to frame: VideoFrame) throws(TokenReelError) {
        defer { isFitted = true }
        guard !isFitted, encoder.encoder.fitsVideos else { return }
        try encoder.fit(
            to: reduction.outline(width: frame.width, height: frame.height, rate: source.sampleRate))
        pipeline.encoder = encoder.encoder
        control.fit(encoder.encoder)
        waiting = WaitingFrames(encoder: encoder.encoder, limits: pipeline.decodeOptions.limits)
        reducer = try reduction.reducer(of: &pipeline)
        try reduction.memory?.validate(tokensPerFrame: encoder.encoder.rows * encoder.encoder.columns)
    }

    /// What a segmenter that looks at a window as a whole is shown of the frames that wait now.
    private var input: SegmentCommitter.Input {
        { [waiting, pipeline, control] frames throws(TokenReelError) in
            let grid = try waiting.grid(of: frames)
            var request = try pipeline.request(for: control.standingQueries, about: grid)
            return try ReductionInput(pipeline.compared(grid, &request), request)
        }
    }

    // MARK: Segments

    private mutating func commitAll(_ receive: Receive) throws(TokenReelError) {
        let input = self.input
        try commit(try committer.finish(input: input), receive)
    }

    private mutating func commit(_ segments: [Segment], _ receive: Receive) throws(TokenReelError) {
        let closed = ContinuousClock.now
        for segment in segments {
            let committed = try reduced(segment.count, closed: closed)
            waiting.frames.removeFirst(segment.count)
            framesDone += segment.count
            segmentsDone += 1
            let open = waiting.frames.count
            control.update { progress in
                progress.openFrames = open
                progress.segments += 1
                progress.tokensIn += committed.tokensIn
                progress.tokensOut += committed.sequence.count
            }
            try receive(.segment(committed))
        }
    }

    /// The first of the waiting frames as a segment.
    private mutating func reduced(
        _ count: Int, closed: ContinuousClock.Instant
    ) throws(TokenReelError) -> CommittedSegment {
        let queries = control.standingQueries
        let frames = waiting.frames.prefix(count)
        let grid = try waiting.grid(of: 0..<count)
        var request = try pipeline.request(for: queries, about: grid)
        let reduction = try reducer.reduce(pipeline.compared(grid, &request), request)
        control.remember(grid, reducedBy: reduction.plan, firstFrame: framesDone)
        var sequence = try pipeline.stored(TokenSequence(reduction, of: grid), reduction, of: grid)
        let encoding = StageTiming(stage: "encode", seconds: frames.reduce(0) { $0 + $1.encodeSeconds })
        let range = framesDone..<framesDone + count
        var metadata = metadata.merging(encoder.encoder.facts(of: grid.shape)) { _, fact in fact }
        metadata["segment"] = "\(segmentsDone)"
        metadata["first_frame"] = "\(range.lowerBound)"
        metadata["codebook_version"] = reducer.codebookVersion.map(String.init)
        if !queries.isEmpty {
            metadata["query"] =
                JSONValue.array(
                    queries.map { .members(["name": .string($0.name), "from": $0.description.map(JSONValue.string)]) }
                ).text
        }
        let facts = try RotaryFacts(metadata)
        if let facts { sequence = sequence.placed(facts, by: pipeline.positionRule) }
        metadata.merge(reduction.frameGridMetadata(of: grid.shape, facts)) { _, own in own }
        return CommittedSegment(
            id: segmentsDone, frames: range, sequence: sequence, metadata: metadata, queries: queries.map(\.name),
            arrivals: frames.map(\.arrival), closed: closed, stages: [encoding] + reduction.stageSeconds)
    }
}

/// A frame that is not encoded yet.
private struct ArrivedFrame {
    let frame: VideoFrame
    let arrival: ContinuousClock.Instant
}

/// Encoded frames whose segments are not finished.
private struct WaitingFrames {
    let encoder: any FrameEncoder
    let limits: Limits
    var frames: [Frame] = []

    struct Frame {
        let frame: EncodedFrame
        let seconds: Double
        let arrival: ContinuousClock.Instant
        let encodeSeconds: Double
    }

    func grid(of range: Range<Int>) throws(TokenReelError) -> TokenGrid {
        var builder = GridBuilder(limits: limits)
        for frame in frames[range] { try builder.append(frame.frame, at: frame.seconds) }
        return try builder.finish(from: encoder)
    }
}

extension LiveReduction {
    /// What reduces segments of the tokens that the pipeline's encoder makes; divides the pipeline's budget where grids
    /// are preserved.
    fileprivate func reducer(of pipeline: inout Pipeline) throws(TokenReelError) -> SegmentReducer {
        let encoder = pipeline.encoder
        let frame = try GridShape(
            frames: 1, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
        pipeline.request = try self.pipeline.request.divided(among: frame)
        return SegmentReducer(
            try pipeline.recipe(),
            budget: try RunningBudget(
                pipeline.request.budget, tokensPerFrame: frame.tokensPerFrame, totalFrames: nil),
            codebook: codebook)
    }

    /// What token files of all segments say.
    fileprivate func provenance() throws(TokenReelError) -> [String: String] {
        var pipeline = pipeline
        pipeline.window = window
        var strings = try pipeline.provenance().merging(pipeline.encoderProvenance) { _, fact in fact }
        strings["source"] = sourceName
        return strings
    }
}
