internal import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// One live reduction at work.
struct LiveRun {
    private let pipeline: Pipeline
    private let recipe: Recipe
    private let source: any LiveFrames
    private let control: LiveControl
    private let metadata: [String: String]
    private var encoder: FrameSequenceEncoder
    private var committer: SegmentCommitter
    private var reducer: SegmentReducer
    private var waiting: WaitingFrames
    /// Frames of committed segments.
    private var framesDone = 0
    private var segmentsDone = 0
    private var isInGap = false

    typealias Receive = (LiveReductionEvent) throws(TokenReelError) -> Void

    /// How long to wait for a frame before looking whether the run is to end.
    private static let patience = 0.1

    init(_ reduction: LiveReduction, _ source: any LiveFrames, _ control: LiveControl) throws(TokenReelError) {
        var pipeline = try reduction.watching
        let frame = try GridShape(
            frames: 1, rows: pipeline.encoder.rows, columns: pipeline.encoder.columns,
            channels: pipeline.encoder.channels)
        pipeline.request = try pipeline.request.divided(among: frame)
        self.pipeline = pipeline
        recipe = try reduction.recipe
        self.source = source
        self.control = control
        encoder = FrameSequenceEncoder(pipeline)
        committer = SegmentCommitter(recipe, window: reduction.window, channels: pipeline.encoder.channels)
        reducer = SegmentReducer(
            recipe,
            budget: try RunningBudget(
                pipeline.request.budget, tokensPerFrame: frame.tokensPerFrame, totalFrames: nil))
        waiting = WaitingFrames(encoder: pipeline.encoder, limits: pipeline.decodeOptions.limits)
        metadata = try reduction.provenance()
        control.begin(source)
        if let query = pipeline.standingQuery { control.add(query) }
    }

    /// Goes on until the source ends or the control says so.
    mutating func run(_ receive: Receive) throws(TokenReelError) {
        while !control.isFinishing {
            try pipeline.request.cancellation?.check()
            guard let event = source.next(timeout: Self.patience) else { continue }
            guard try handle(event, receive) else { break }
        }
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
            var arrived = [(frame, arrival)]
            // Frames that wait already are encoded at the same time.
            while arrived.count < encoder.workers, let next = source.next(timeout: 0) {
                guard case .frame(let frame, let arrival) = next else {
                    try encode(arrived, receive)
                    return try handle(next, receive)
                }
                arrived.append((frame, arrival))
            }
            try encode(arrived, receive)
        case .gap(let gap):
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

    private mutating func encode(
        _ arrived: [(VideoFrame, ContinuousClock.Instant)], _ receive: Receive
    ) throws(TokenReelError) {
        let start = ContinuousClock.now
        let encoded = try encoder.encode(arrived.map(\.0))
        let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(arrived.count)
        for (frame, (picture, arrival)) in zip(encoded, arrived) {
            let time = picture.pts.seconds
            waiting.frames.append(.init(frame: frame, seconds: time, arrival: arrival, encodeSeconds: seconds))
            let input = self.input
            let segments = try frame.tokens.withUnsafeBufferPointer { tokens throws(TokenReelError) in
                try committer.append(tokens, at: time, input: input)
            }
            let open = waiting.frames.count
            control.update { progress in
                progress.frames += 1
                progress.seconds = time
                progress.openFrames = open
            }
            try commit(segments, receive)
        }
    }

    /// What a segmenter that looks at a window as a whole is shown of the frames that wait now.
    private var input: SegmentCommitter.Input {
        { [waiting, pipeline, control] frames throws(TokenReelError) in
            let grid = try waiting.grid(of: frames)
            return try ReductionInput(grid, pipeline.request(for: control.standingQueries, about: grid))
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
        let request = try pipeline.request(for: queries, about: grid)
        let reduction = try reducer.reduce(grid, request)
        let sequence = try pipeline.stored(TokenSequence(reduction, of: grid), reduction, of: grid)
        let encoding = StageTiming(stage: "encode", seconds: frames.reduce(0) { $0 + $1.encodeSeconds })
        let range = framesDone..<framesDone + count
        var metadata = metadata
        metadata["segment"] = "\(segmentsDone)"
        metadata["first_frame"] = "\(range.lowerBound)"
        if !queries.isEmpty {
            metadata["query"] =
                JSONValue.array(
                    queries.map { .members(["name": .string($0.name), "from": $0.description.map(JSONValue.string)]) }
                ).text
        }
        return CommittedSegment(
            id: segmentsDone, frames: range, sequence: sequence, metadata: metadata, queries: queries.map(\.name),
            arrivals: frames.map(\.arrival), closed: closed, stages: [encoding] + reduction.stageSeconds)
    }
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
    /// What token files of all segments say.
    fileprivate func provenance() throws(TokenReelError) -> [String: String] {
        var pipeline = pipeline
        pipeline.window = window
        var strings = try pipeline.provenance().merging(pipeline.encoderProvenance) { _, fact in fact }
        strings["source"] = sourceName
        return strings
    }
}
