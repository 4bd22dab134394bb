internal import Synchronization
internal import TensorOps
internal import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// Decodes on one thread and encodes on the caller's, a few frames apart.
struct VideoEncoder {
    let encoder: any FrameEncoder
    /// What the grid carries besides the tokens, as far as there is a way to it.
    let signals: Set<Signal>
    /// Frames that are encoded at the same time.
    let workers: Int
    var options: DecodeOptions

    struct Outcome {
        let grid: TokenGrid
        let info: VideoInfo
        let statistics: DecodeStatistics
        let decodeSeconds: Double
        let encodeSeconds: Double
    }

    private enum Event: Sendable {
        case opened(VideoInfo, expectedFrames: Int?)
        case frame(VideoFrame)
        case finished(DecodeStatistics, seconds: Double)
        case failed(TokenReelError)
    }

    /// Frames that may wait for the encoder.
    private static let framesAhead = 4

    init(_ pipeline: Pipeline, cancellation: Cancellation?) {
        encoder = pipeline.encoder
        signals = pipeline.signals.union([.saliency])
        workers = max(pipeline.request.workers, 1)
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
            guard queue.send(.opened(decoder.info, expectedFrames: decoder.expectedFrames)) else { return }
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
        var last: VideoFrame?
        var builder = GridBuilder(limits: options.limits)
        var opened: (info: VideoInfo, expected: Int?)?
        var clock = Stopwatch()
        while true {
            switch queue.receive() {
            case .opened(let info, let expected):
                opened = (info, expected)
                progress?(0, expected)
            case .frame(let frame):
                waiting.append(frame)
                guard waiting.count == workers else { continue }
                clock.start()
                try encode(&waiting, after: &last, into: &builder)
                clock.stop()
                progress?(builder.frames, opened?.expected)
            case .failed(let error): throw error
            case .finished(let statistics, let seconds):
                clock.start()
                try encode(&waiting, after: &last, into: &builder)
                clock.stop()
                guard let opened, builder.frames > 0 else {
                    throw TokenReelError(
                        .unreadableInput, subject: name, found: "no frame in the wanted range",
                        remedy: "choose another range with --start and --end")
                }
                let grid = try builder.finish(from: encoder)
                return Outcome(
                    grid: grid, info: opened.info, statistics: statistics, decodeSeconds: seconds,
                    encodeSeconds: clock.seconds)
            }
        }
    }

    /// Encodes the frames that wait, one a thread, and adds them in order.
    ///
    /// - Parameter last: The picture of the frame before, for what has to be compared with it.
    private func encode(
        _ frames: inout [VideoFrame], after last: inout VideoFrame?, into builder: inout GridBuilder
    ) throws(TokenReelError) {
        let comparesPictures = signals.contains(.pixelChange)
        let encoded = try Parallel.map(count: frames.count, workers: workers) { [frames] index throws(TokenReelError) in
            let frame = try encoder.encode(frames[index], signals: signals)
            return (frame, picture: comparesPictures ? try encoder.picture(of: frames[index]) : nil)
        }
        for (index, (var frame, picture)) in encoded.enumerated() {
            if let picture {
                frame.maps[.pixelChange] = [
                    PixelChange.map(of: picture, since: last, rows: encoder.rows, columns: encoder.columns)
                ]
                last = picture
            }
            try builder.append(frame, at: frames[index].pts.seconds)
        }
        frames.removeAll(keepingCapacity: true)
    }
}

/// Adds up the time between starts and stops.
struct Stopwatch {
    private(set) var seconds = 0.0
    private var started = ContinuousClock.now

    mutating func start() { started = .now }
    mutating func stop() { seconds += (ContinuousClock.now - started) / .seconds(1) }
}
