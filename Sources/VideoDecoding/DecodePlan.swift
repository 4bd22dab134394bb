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

        let wantsSpan = if case .count = options.sampling { true } else { false }
        guard demuxer.isLocalFile || wantsSpan && demuxer.isSeekable else {
            if wantsSpan {
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
        let wanted = FrameSelector.choose(
            options.sampling, start: options.start, end: options.end, times: order.map { index.records[$0].pts },
            isKey: { index.records[order[$0]].isKey }, duration: index.lastDuration, secondsPerTick: tick
        ).map { order[$0] }
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
        let needsWhole = if case .count = options.sampling { true } else { false }
        let bytes = try ByteSource(source, limits: limits, watch: watch, spooling: needsWhole)
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
        switch options.sampling {
        case .rate(let wanted): return min(Int(min((range * wanted).rounded(.up), 1e9)), available ?? .max)
        case .count(let count): return min(count, available ?? .max)
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
