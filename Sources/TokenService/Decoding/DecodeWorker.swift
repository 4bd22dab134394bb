internal import CConfinement
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

/// The other side of a decoding process: decodes the video on standard input and writes its frames to standard output.
///
/// It holds nothing but that video: no keys, no models, no other upload. What goes wrong in a codec ends here.
public enum DecodeWorker {
    /// The first argument that makes the program such a process.
    public static let argument = "decode-worker"

    /// Does what the order in the arguments says; the process ends with the result.
    ///
    /// - Returns: The exit code: 0 once everything was said, 64 for an order that makes no sense.
    public static func run(_ arguments: [String]) -> Int32 {
        guard let text = arguments.first,
            let order = try? JSONDecoder().decode(DecodeOrder.self, from: Data(text.utf8))
        else { return 64 }
        // The service ignores it; here it ends the process when nobody listens any more.
        signal(SIGPIPE, SIG_DFL)
        Confinement(order).apply()
        do throws(TokenReelError) {
            let decoder = try VideoDecoder(.standardInput, options: order.options)
            send(
                .opened(
                    .init(
                        info: decoder.info, expectedFrames: decoder.expectedFrames,
                        frameIndices: decoder.frameIndices, sampledRate: decoder.sampledRate,
                        statistics: decoder.statistics)))
            while let frame = try decoder.next() { send(.frame(frame)) }
            send(.finished(decoder.statistics))
        } catch {
            send(.failed(error.about(WorkerVideo.name)))
        }
        return 0
    }

    private static func send(_ message: DecodeMessage) {
        guard let bytes = try? message.encoded() else { exit(70) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if written > 0 { done += written } else if errno != EINTR { exit(74) }
        }
    }
}

/// The most that a decoding process may take from the system, whatever its video makes it try.
private struct Confinement {
    private let memory: Int
    private let processorSeconds: Int

    init(_ order: DecodeOrder) {
        memory = order.memory
        processorSeconds = Int(min(order.limits.seconds, 1e6).rounded(.up)) * order.threads + 5
    }

    func apply() {
        #if !canImport(Darwin)
            limit(RLIMIT_AS, to: memory)
        #endif
        limit(RLIMIT_CPU, to: processorSeconds)
        // It was given its two ends; it needs no file, and writes none.
        limit(RLIMIT_NOFILE, to: 3)
        limit(RLIMIT_FSIZE, to: 0)
        limit(RLIMIT_CORE, to: 0)
        // Where the system can't do it the limits above have to do.
        _ = cconf_seal()
    }

    #if canImport(Glibc)
        private typealias Resource = __rlimit_resource
    #else
        private typealias Resource = Int32
    #endif

    private func limit(_ resource: Resource, to value: Int) {
        var limits = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        #if canImport(Glibc)
            setrlimit(__rlimit_resource_t(resource.rawValue), &limits)
        #else
            setrlimit(resource, &limits)
        #endif
    }
}
