internal import Dispatch
internal import Synchronization
internal import TokenCore
internal import TokenReel

/// A live reduction of frames that a program pushes, at work on a thread of its own; segments wait until they are asked
/// for, however many there are, so that a program with one thread can push and poll in turns.
final class ReductionStream: Sendable {
    /// What a program is told when it asks.
    enum News {
        case segment(ReductionResult)
        case nothingYet
        case over
    }

    private struct State {
        var segments: [ReductionResult] = []
        /// How the run ended.
        var end: Result<Void, TokenReelError>?
    }

    /// What the run has to tell; apart from the stream, so that a stream nobody holds any more can go.
    private final class Inbox: Sendable {
        let state = Mutex(State())
        /// Counts the segments that wait, and the end.
        let news = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)

        func add(_ segment: ReductionResult) {
            state.withLock { $0.segments.append(segment) }
            news.signal()
        }

        func end(_ end: Result<Void, TokenReelError>) {
            state.withLock { $0.end = end }
            news.signal()
            ended.signal()
        }
    }
    private let inbox = Inbox()
    private let frames: PushedFrames
    private let cancellation = Cancellation()

    init(_ model: OpenModel, _ options: PipelineOptions) throws(TokenReelError) {
        let reduction = try model.liveReduction(options, cancellation: cancellation)
        frames = PushedFrames(for: reduction.pipeline.encoder)
        DedicatedThread { [inbox, frames] in
            do throws(TokenReelError) {
                try reduction.run(frames) { event in
                    if case .segment(let segment) = event { inbox.add(ReductionResult(segment)) }
                }
                inbox.end(.success(()))
            } catch {
                inbox.end(.failure(error))
            }
        }.detach()
    }

    deinit { stop() }

    /// Hands over the next frame.
    ///
    /// - Throws: What ``PushedFrames`` throws, and why the run ended if it did.
    func push(_ rows: PixelRows, _ seconds: Double) throws(TokenReelError) {
        guard try !frames.push(width: rows.width, height: rows.height, pixels: rows.packed(), seconds: seconds) else {
            return
        }
        // Nobody takes frames any more, so the run is about to tell why.
        inbox.ended.wait()
        inbox.ended.signal()
        try inbox.state.withLock { $0.end }?.get()
    }

    /// No frame follows.
    func finish() { frames.finish() }

    /// Ends the run; what waits is lost.
    func stop() { cancellation.cancel() }

    /// Takes the next segment, waiting for it at most that many seconds, or for ever if they are negative.
    ///
    /// - Throws: Why the run ended, after its last segment.
    func poll(_ seconds: Double) throws(TokenReelError) -> News {
        let deadline: DispatchTime = seconds < 0 ? .distantFuture : .now() + min(seconds, 1e9)
        guard inbox.news.wait(timeout: deadline) == .success else { return .nothingYet }
        let (segment, end) = inbox.state.withLock { state in
            (state.segments.isEmpty ? nil : state.segments.removeFirst(), state.end)
        }
        if let segment { return .segment(segment) }
        // For the next one who asks.
        inbox.news.signal()
        try end?.get()
        return .over
    }
}

/// A picture in a program's memory: rows of red, green and blue bytes.
struct PixelRows {
    let width: Int
    let height: Int
    private let start: UnsafePointer<UInt8>
    private let stride: Int

    private static let longestSide = 1 << 15

    /// - Parameter stride: Bytes from one row to the next; 0 for rows without gaps, negative if the last comes first.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` for sides and a stride that no picture has.
    init(_ start: UnsafePointer<UInt8>, _ width: Int, _ height: Int, stride: Int) throws(TokenReelError) {
        let stride = stride == 0 ? 3 * width : stride
        guard 1...Self.longestSide ~= width, 1...Self.longestSide ~= height, stride.magnitude >= 3 * width,
            stride.magnitude <= 1 << 40
        else {
            throw TokenReelError(
                .invalidArgument, subject: "frame", found: "\(width) x \(height) pixels in rows of \(stride) bytes",
                allowed: "sides of 1 to \(Self.longestSide) and rows that hold them")
        }
        self.width = width
        self.height = height
        self.start = start
        self.stride = stride
    }

    /// A copy without gaps.
    func packed() -> [UInt8] {
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * width * height)
        for row in 0..<height {
            pixels.append(contentsOf: UnsafeBufferPointer(start: start + row * stride, count: 3 * width))
        }
        return pixels
    }
}
