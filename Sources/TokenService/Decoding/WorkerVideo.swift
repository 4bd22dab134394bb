internal import TokenCore
internal import VideoDecoding

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// An uploaded video that a process of its own decodes.
struct WorkerVideo: FrameSource {
    static let name = "upload"
    var name: String { Self.name }

    private let upload: TemporaryFile
    private let command: [String]
    private let memory: Int

    /// - Parameters:
    ///   - command: The program that becomes a ``DecodeWorker``, with its first argument.
    ///   - memory: Bytes of address space that the process may take.
    init(_ upload: TemporaryFile, command: [String], memory: Int) {
        self.upload = upload
        self.command = command
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
        let child = try ChildProcess(
            command + [String(decoding: order, as: UTF8.self)], reading: upload.descriptor)
        return try WorkerFrames(child, upload, options)
    }
}

/// The frames that a decoding process sends.
private final class WorkerFrames: FrameStream {
    let info: VideoInfo
    let expectedFrames: Int?
    let frameIndices: [Int]?
    let sampledRate: Double?
    private(set) var statistics: DecodeStatistics
    private let child: ChildProcess
    /// Stays until the process has read it.
    private let upload: TemporaryFile
    private let limits: Limits
    private let cancellation: Cancellation?
    private var isAtEnd = false

    init(_ child: ChildProcess, _ upload: TemporaryFile, _ options: DecodeOptions) throws(TokenReelError) {
        self.child = child
        self.upload = upload
        limits = options.limits
        cancellation = options.cancellation
        guard case .opened(let opening) = try Self.receive(child, limits, cancellation) else {
            throw Self.nonsense(from: child)
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
        case .opened, .failed: throw Self.nonsense(from: child)
        }
    }

    /// The next message, a failure thrown.
    private static func receive(
        _ child: ChildProcess, _ limits: Limits, _ cancellation: Cancellation?
    ) throws(TokenReelError) -> DecodeMessage {
        let head = try bytes(DecodeMessage.headerBytes, from: child, cancellation)
        guard let (kind, length) = DecodeMessage.header(head) else { throw nonsense(from: child) }
        let largest =
            kind == .frame
            ? DecodeMessage.frameHeaderBytes + 3 * limits.pixelsPerFrame : DecodeMessage.largestText
        guard length <= largest else { throw nonsense(from: child) }
        let payload = try bytes(length, from: child, cancellation)
        guard let message = DecodeMessage(kind, payload) else { throw nonsense(from: child) }
        if case .failed(let error) = message { throw error }
        return message
    }

    private static func bytes(
        _ count: Int, from child: ChildProcess, _ cancellation: Cancellation?
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
        guard bytes.count == count else { throw loss(of: child) }
        return bytes
    }

    /// The process fell silent: the system ended it, or it ended itself.
    private static func loss(of child: ChildProcess) -> TokenReelError {
        switch child.wait() {
        case SIGXCPU, SIGKILL:
            TokenReelError(
                .limitExceeded, subject: WorkerVideo.name,
                found: "a video that takes too much time or memory to decode",
                allowed: "less of both")
        default:
            TokenReelError(
                .unreadableInput, subject: WorkerVideo.name, found: "a video that ends the process that decodes it",
                allowed: "a sound video")
        }
    }

    private static func nonsense(from child: ChildProcess) -> TokenReelError {
        child.kill()
        return TokenReelError(
            .unreadableInput, subject: WorkerVideo.name, found: "a video that its decoder makes no sense of",
            allowed: "a sound video")
    }
}
