internal import Essentials
internal import TokenCore
internal import VideoDecoding

/// An uploaded video that a process of its own decodes.
struct WorkerVideo: FrameSource {
    static let name = "upload"
    var name: String { Self.name }

    private let upload: TemporaryFile
    private let nursery: DecoderNursery
    private let memory: Int

    /// - Parameter memory: Bytes of address space that the process may take.
    init(_ upload: TemporaryFile, nursery: DecoderNursery, memory: Int) {
        self.upload = upload
        self.nursery = nursery
        self.memory = memory
    }

    func open(_ options: DecodeOptions) throws(TokenReelError) -> any FrameStream {
        let order: Data
        do {
            order = try JSONEncoder().encode(DecodeOrder(options, memory: memory))
        } catch {
            // JSON has no words for numbers that are not finite.
            throw TokenReelError(
                .invalidArgument, subject: "sampling", found: "a number that is not finite", allowed: "finite numbers")
        }
        let child = try nursery.start(Array(order), reading: upload.descriptor)
        return try WorkerFrames(child, options)
    }
}

/// The frames that a decoding process sends.
private final class WorkerFrames: FrameStream {
    let info: VideoInfo
    let expectedFrames: Int?
    let frameIndices: [Int]?
    let sampledRate: Double?
    private(set) var statistics: DecodeStatistics
    private let child: DecodeProcess
    private let limits: Limits
    private let cancellation: Cancellation?
    private var isAtEnd = false

    init(_ child: DecodeProcess, _ options: DecodeOptions) throws(TokenReelError) {
        self.child = child
        limits = options.limits
        cancellation = options.cancellation
        guard case .opened(let opening) = try Self.receive(child, limits, cancellation) else {
            throw Self.nonsense
        }
        info = opening.info
        expectedFrames = opening.expectedFrames
        frameIndices = opening.frameIndices
        sampledRate = opening.sampledRate
        statistics = opening.statistics
    }

    func next() throws(TokenReelError) -> VideoFrame? {
        guard !isAtEnd else { return nil }
        switch try Self.receive(child, limits, cancellation) {
        case .frame(let frame): return frame
        case .finished(let statistics):
            self.statistics = statistics
            isAtEnd = true
            return nil
        case .opened, .failed: throw Self.nonsense
        }
    }

    /// The next message, a failure thrown.
    private static func receive(
        _ child: DecodeProcess, _ limits: Limits, _ cancellation: Cancellation?
    ) throws(TokenReelError) -> DecodeMessage {
        let head = try bytes(DecodeMessage.headerBytes, from: child, cancellation)
        guard let (kind, length) = DecodeMessage.header(head) else { throw nonsense }
        let largest =
            kind == .frame
            ? DecodeMessage.frameHeaderBytes + 3 * limits.pixelsPerFrame : DecodeMessage.largestText
        guard length <= largest else { throw nonsense }
        let payload = try bytes(length, from: child, cancellation)
        guard let message = DecodeMessage(kind, payload) else { throw nonsense }
        if case .failed(let error) = message { throw error }
        return message
    }

    private static func bytes(
        _ count: Int, from child: DecodeProcess, _ cancellation: Cancellation?
    ) throws(TokenReelError) -> [UInt8] {
        var failure: TokenReelError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(TokenReelError) {
                filled = try child.read(into: UnsafeMutableRawBufferPointer(buffer), cancellation)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard bytes.count == count else { throw broken("a video that ends the process that decodes it") }
        return bytes
    }

    private static let nonsense = broken("a video that its decoder makes no sense of")

    private static func broken(_ found: String) -> TokenReelError {
        TokenReelError(.unreadableInput, subject: WorkerVideo.name, found: found, allowed: "a sound video")
    }
}
