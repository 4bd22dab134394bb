internal import Synchronization
internal import TokenCore
internal import VideoDecoding
internal import VisionEncoding

/// Decodes on one thread and encodes on the caller's, a few groups of frames apart.
struct VideoEncoder {
    let frames: FrameSequenceEncoder
    var options: DecodeOptions

    struct Outcome {
        let grid: TokenGrid
        let info: VideoInfo
        /// What the encoder says about this grid.
        let facts: [String: String]
        let statistics: DecodeStatistics
        let decodeSeconds: Double
        let encodeSeconds: Double
    }

    private enum Event: Sendable {
        case opened(VideoInfo, VideoOutline)
        case frame(VideoFrame)
        case finished(DecodeStatistics, seconds: Double)
        case failed(TokenReelError)
    }

    /// Frames that may wait for the encoder.
    private static let framesAhead = 4

    init(_ pipeline: Pipeline, cancellation: Cancellation?) {
        frames = FrameSequenceEncoder(pipeline)
        options = pipeline.decodeOptions
        options.cancellation = cancellation
    }

    /// The grid of a whole video.
    func encode(
        _ source: any FrameSource, progress: ((_ frames: Int, _ expected: Int?) -> Void)?
    ) throws(TokenReelError) -> Outcome {
        let queue = BoundedQueue<Event>(capacity: Self.framesAhead)
        let thread = DedicatedThread { [options] in Self.decode(source, options, into: queue) }
        let outcome: Result<Outcome, TokenReelError>
        do {
            outcome = .success(try collect(queue, name: source.name, progress))
        } catch {
            outcome = .failure(error)
        }
        queue.close()
        thread.join()
        return try outcome.get()
    }

    private static func decode(
        _ source: any FrameSource, _ options: DecodeOptions, into queue: BoundedQueue<Event>
    ) {
        var clock = Stopwatch()
        do throws(TokenReelError) {
            clock.start()
            let decoder = try source.open(options)
            clock.stop()
            guard queue.send(.opened(decoder.info, VideoOutline(decoder))) else { return }
            while true {
                clock.start()
                let frame = try decoder.next()
                clock.stop()
                guard let frame else { break }
                guard queue.send(.frame(frame)) else { return }
            }
            _ = queue.send(.finished(decoder.statistics, seconds: clock.seconds))
        } catch {
            _ = queue.send(.failed(error))
        }
    }

    private func collect(
        _ queue: BoundedQueue<Event>, name: String, _ progress: ((Int, Int?) -> Void)?
    ) throws(TokenReelError) -> Outcome {
        var waiting: [VideoFrame] = []
        var frames = frames
        var builder = GridBuilder(limits: options.limits)
        var opened: (info: VideoInfo, expected: Int?)?
        var clock = Stopwatch()
        while true {
            switch queue.receive() {
            case .opened(let info, let outline):
                opened = (info, outline.frames)
                do { try frames.fit(to: outline) } catch { throw error.about(name) }
                progress?(0, outline.frames)
            case .frame(let frame):
                waiting.append(frame)
                guard waiting.count == frames.workers * frames.encoder.framesPerGroup else { continue }
                clock.start()
                try frames.encode(&waiting, into: &builder)
                clock.stop()
                progress?(builder.frames * frames.encoder.framesPerGroup, opened?.expected)
            case .failed(let error): throw error
            case .finished(let statistics, let seconds):
                clock.start()
                try frames.encode(&waiting, into: &builder)
                clock.stop()
                guard let opened, builder.frames > 0 else {
                    throw TokenReelError(
                        .unreadableInput, subject: name, found: "no frame in the wanted range",
                        remedy: "choose another range with --start and --end")
                }
                let grid = try builder.finish(from: frames.encoder)
                return Outcome(
                    grid: grid, info: opened.info, facts: frames.encoder.facts(of: grid.shape), statistics: statistics,
                    decodeSeconds: seconds, encodeSeconds: clock.seconds)
            }
        }
    }
}

extension VideoOutline {
    /// What an open decoder knows of the frames to come.
    init(_ decoder: any FrameStream) {
        self.init(
            width: decoder.info.width, height: decoder.info.height, frames: decoder.expectedFrames,
            frameRate: decoder.info.frameRate, sampledRate: decoder.sampledRate, frameIndices: decoder.frameIndices)
    }
}

/// Adds up the time between starts and stops.
struct Stopwatch {
    private(set) var seconds = 0.0
    private var started = ContinuousClock.now

    mutating func start() { started = .now }
    mutating func stop() { seconds += (ContinuousClock.now - started) / .seconds(1) }
}
