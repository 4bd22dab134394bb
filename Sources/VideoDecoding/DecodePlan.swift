internal import CFFmpeg
internal import TokenCore

/// All that is settled before the first picture is decoded: the stream, its decoder, and how frames are chosen.
struct DecodePlan {
    var info: VideoInfo
    let decoder: PictureDecoder
    let feeder: PacketFeeder
    let chooser: PictureChooser
    let strategy: DecodeStrategy
    let expectedFrames: Int?
    /// Which of the stream's frames in display order are wanted; nil where that shows only on the way.
    private(set) var frameIndices: [Int]?
    /// Wanted frames per second of the range that they are taken from; nil where unknown.
    private(set) var sampledRate: Double?
    let orientation: Orientation
    let aspect: AVRational
    let timeBase: Rational
    var notices: [String] = []

    /// Opens a source and decides how to go through it.
    init(_ source: VideoSource, options: DecodeOptions, watch: Watch) throws(TokenReelError) {
        let limits = options.limits
        let open = try Self.opener(source, options, watch)
        let demuxer = try open()
        let facts = try demuxer.withStream { context, stream throws(TokenReelError) in
            try StreamFacts(context, stream, threads: options.threads, limits: limits)
        }
        info = facts.info
        info.stream = options.stream ?? 0
        decoder = facts.decoder
        orientation = facts.orientation
        aspect = facts.aspect
        notices = facts.notices

        timeBase = facts.tick
        let tick = timeBase.value
        let clock = FrameClock(interval: facts.interval)
        func selector(span: Double?) -> FrameSelector {
            FrameSelector(
                options.sampling, start: options.start, end: options.end, secondsPerTick: tick, span: span)
        }

        switch options.sampling {
        case .rate(let rate): sampledRate = rate
        case .spread(let spread): sampledRate = spread.rate
        case .all: sampledRate = info.frameRate
        case .count, .keyframes, .times: break
        }
        guard demuxer.isLocalFile || options.sampling.prefersWhole && demuxer.isSeekable else {
            if options.sampling.needsEnd {
                throw TokenReelError(
                    .unsupportedInput, subject: "input", found: "a live source, whose end is unknown",
                    allowed: "frames spread evenly over a file", remedy: "use --fps")
            }
            feeder = PacketFeeder(streaming: demuxer)
            chooser = try PictureChooser(online: selector(span: nil), clock: clock)
            strategy = .stream
            expectedFrames = Self.estimate(options, span: info.duration, rate: info.frameRate)
            return
        }

        let parameters = try demuxer.withStream { _, stream in stream.pointee.codecpar.pointee }
        let index = try PacketIndex(scanning: demuxer, parameters: parameters, limits: limits)
        guard !index.records.isEmpty else {
            throw TokenReelError(
                .unreadableInput, subject: "input",
                found: "a \(info.codec) stream without a single frame"
                    + (demuxer.lastReadError.map { " (\($0))" } ?? ""))
        }
        guard index.isTimed else {
            let span = Double(index.records.count { !$0.isHidden }) * Double(clock.interval) * tick
            notices.append(
                "frames without timestamps: their times follow from their order at "
                    + "\(1 / (Double(clock.interval) * tick)) frames per second")
            chooser = try PictureChooser(online: selector(span: span), clock: clock)
            feeder = PacketFeeder(
                demuxer, index: index, schedule: DecodeSchedule(readingThrough: index.records, wanted: []),
                dropsNonReference: false, seekDistance: 0, reopen: open)
            strategy = .readThrough
            expectedFrames = Self.estimate(options, span: span, rate: 1 / (Double(clock.interval) * tick))
            return
        }

        let order = index.displayOrder
        let frameRate = info.frameRate
        func choose(_ sampling: FrameSampling) -> [Int] {
            FrameSelector.choose(
                sampling, start: options.start, end: options.end, times: order.map { index.records[$0].pts },
                isKey: { index.records[order[$0]].isKey }, duration: index.lastDuration, secondsPerTick: tick,
                frameRate: frameRate)
        }
        let chosen = choose(options.sampling)
        let wanted = chosen.map { order[$0] }
        frameIndices = chosen
        let available = options.start == nil && options.end == nil ? order.count : choose(.all).count
        sampledRate = frameRate.map { Double(chosen.count) / Double(max(available, 1)) * $0 }
        guard wanted.count <= limits.sampledFrames else { throw Self.tooMany(wanted.count, limits) }
        let seeking = DecodeSchedule(index.records, wanted: wanted)
        let skips =
            seeking.runs.reduce(0) { $0 + $1.count } < index.records.count
            || index.canDropNonReference && wanted.count < index.records.count
        strategy = options.strategy ?? (skips ? .seek : .readThrough)
        feeder = PacketFeeder(
            demuxer, index: index,
            schedule: strategy == .seek
                ? seeking : DecodeSchedule(readingThrough: index.records, wanted: wanted),
            dropsNonReference: strategy == .seek && index.canDropNonReference, seekDistance: options.seekDistance,
            reopen: open)
        chooser = try PictureChooser(planned: wanted.map { index.records[$0].pts })
        expectedFrames = wanted.count
    }

    /// What opens the source, and opens it again from its beginning.
    private static func opener(
        _ source: VideoSource, _ options: DecodeOptions, _ watch: Watch
    ) throws(TokenReelError) -> () throws(TokenReelError) -> Demuxer {
        let limits = options.limits
        if case .url(let address) = source {
            let input = try NamedInput(address: address)
            return { () throws(TokenReelError) in
                try Demuxer(input, stream: options.stream, limits: limits, watch: watch)
            }
        }
        let bytes = try ByteSource(source, limits: limits, watch: watch, spooling: options.sampling.prefersWhole)
        return { () throws(TokenReelError) in
            if bytes.isSeekable { _ = bytes.seek(to: 0, whence: 0) }
            return try Demuxer(
                bytes, containers: VideoFormats.containers, stream: options.stream, limits: limits, watch: watch)
        }
    }

    /// Frames to expect from a span in seconds and a frame rate.
    private static func estimate(_ options: DecodeOptions, span: Double?, rate: Double?) -> Int? {
        guard let span else { return nil }
        let range = max(min(options.end ?? span, span) - (options.start ?? 0), 0)
        let available = rate.map { Int(min((range * $0).rounded(), 1e9)) }
        func frames(at rate: Double) -> Int { min(Int(min((range * rate).rounded(.up), 1e9)), available ?? .max) }
        switch options.sampling {
        case .rate(let wanted): return frames(at: wanted)
        case .count(let count): return min(count, available ?? .max)
        case .spread(let spread): return spread.count.map { min($0, available ?? .max) } ?? spread.rate.map(frames)
        case .times(let times): return min(times.count, available ?? .max)
        case .all: return available
        case .keyframes: return nil
        }
    }

    /// The error for more sampled frames than allowed.
    static func tooMany(_ count: Int, _ limits: Limits) -> TokenReelError {
        TokenReelError(
            .limitExceeded, subject: "input", found: "\(count) frames asked for",
            allowed: "\(limits.sampledFrames) frames", remedy: "lower --fps or --frames, or raise --max-frames")
    }
}
