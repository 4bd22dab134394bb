internal import Synchronization
internal import TensorOps
internal import TokenCore
internal import TokenReduction
internal import VideoDecoding
internal import VisionEncoding

/// Decodes on one thread and encodes on the caller's, a few frames apart.
struct VideoEncoder {
    let encoder: any FrameEncoder
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
        workers = max(pipeline.request.workers, 1)
        options = pipeline.decodeOptions
        options.cancellation = cancellation
    }

    /// The grid of a whole video.
    func encode(
        _ source: VideoSource, progress: ((_ frames: Int, _ expected: Int?) -> Void)?
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

    private static func decode(_ source: VideoSource, _ options: DecodeOptions, into queue: BoundedQueue<Event>) {
        var clock = Stopwatch()
        do throws(TokenReelError) {
            clock.start()
            let decoder = try VideoDecoder(source, options: options)
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
        var storage = GridStorage(limits: options.limits)
        var allSaliency: [Float] = []
        var times: [Double] = []
        var opened: (info: VideoInfo, expected: Int?)?
        var clock = Stopwatch()
        while true {
            switch queue.receive() {
            case .opened(let info, let expected):
                opened = (info, expected)
                progress?(0, expected)
            case .frame(let frame):
                waiting.append(frame)
                times.append(frame.pts.seconds)
                guard waiting.count == workers else { continue }
                clock.start()
                try encode(&waiting, into: &storage, &allSaliency)
                clock.stop()
                progress?(times.count, opened?.expected)
            case .failed(let error): throw error
            case .finished(let statistics, let seconds):
                clock.start()
                try encode(&waiting, into: &storage, &allSaliency)
                clock.stop()
                guard let opened, !times.isEmpty else {
                    throw TokenReelError(
                        .unreadableInput, subject: name, found: "no frame in the wanted range",
                        remedy: "choose another range with --start and --end")
                }
                let shape = try GridShape(
                    frames: times.count, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
                let grid = try TokenGrid(
                    shape: shape, values: storage.finish(), frameTimes: times,
                    saliency: encoder.providesSaliency ? allSaliency : nil, newline: encoder.newline)
                return Outcome(
                    grid: grid, info: opened.info, statistics: statistics, decodeSeconds: seconds,
                    encodeSeconds: clock.seconds)
            }
        }
    }

    /// Encodes the frames that wait, one a thread, and stores their tokens in order.
    private func encode(
        _ frames: inout [VideoFrame], into storage: inout GridStorage, _ saliency: inout [Float]
    ) throws(TokenReelError) {
        let encoded = try Parallel.map(count: frames.count, workers: workers) { [frames] index throws(TokenReelError) in
            try encode(frames[index])
        }
        frames.removeAll(keepingCapacity: true)
        for frame in encoded {
            try frame.tokens.withUnsafeBufferPointer { tokens throws(TokenReelError) in try storage.append(tokens) }
            if encoder.providesSaliency { saliency.append(contentsOf: frame.saliency) }
        }
    }

    private func encode(_ frame: VideoFrame) throws(TokenReelError) -> (tokens: [Float], saliency: [Float]) {
        let cells = encoder.rows * encoder.columns
        var tokens = [Float](repeating: 0, count: cells * encoder.channels)
        var saliency = [Float](repeating: 0, count: cells)
        try tokens.withUnsafeMutableBufferPointer { tokens throws(TokenReelError) in
            try saliency.withUnsafeMutableBufferPointer { saliency throws(TokenReelError) in
                try encoder.encode(frame, tokens: tokens, saliency: saliency)
            }
        }
        return (tokens, saliency)
    }
}

/// Adds up the time between starts and stops.
struct Stopwatch {
    private(set) var seconds = 0.0
    private var started = ContinuousClock.now

    mutating func start() { started = .now }
    mutating func stop() { seconds += (ContinuousClock.now - started) / .seconds(1) }
}
