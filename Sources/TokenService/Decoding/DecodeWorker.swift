internal import CConfinement
internal import CLibrary
internal import Essentials
internal import TokenCore
internal import VideoDecoding

/// The other side of a ``DecoderNursery``: a process that copies itself for each upload, and the copies, which decode.
///
/// A copy holds nothing but its video: no keys, no models, no other upload. What goes wrong in a codec ends there.
public enum DecodeWorker {
    /// The argument that makes the program such a process.
    public static let argument = "decode-worker"

    /// Does what the service says on standard input until that ends; must be called while the process has one thread.
    ///
    /// - Returns: The exit code.
    public static func run() -> Int32 {
        // The service ignores it; here it ends a copy when nobody listens any more.
        signal(SIGPIPE, SIG_DFL)
        var head: [Int32] = [0, 0]
        var descriptors: [Int32] = [-1, -1]
        while cconf_receive(STDIN_FILENO, &head, NurseCall.headBytes, &descriptors) == NurseCall.headBytes {
            // Those that have ended give their numbers back.
            while waitpid(-1, nil, WNOHANG) > 0 {}
            switch NurseCall(rawValue: head[0]) {
            case .start:
                var order = [UInt8](repeating: 0, count: Int(head[1]))
                var none: [Int32] = [-1, -1]
                guard cconf_receive(STDIN_FILENO, &order, order.count, &none) == order.count else { return 74 }
                var id = cconf_fork()
                if id == 0 { _exit(decode(order, from: descriptors[0], to: descriptors[1])) }
                for descriptor in descriptors { close(descriptor) }
                guard cconf_send(STDIN_FILENO, &id, MemoryLayout<pid_t>.size, nil) == 0 else { return 74 }
            case .end: if waitpid(head[1], nil, WNOHANG) == 0 { kill(head[1], SIGKILL) }
            case nil: return 64
            }
        }
        return 0
    }

    /// Decodes the video in one descriptor and writes its frames to the other.
    private static func decode(_ order: [UInt8], from input: Int32, to output: Int32) -> Int32 {
        guard let order = try? JSONDecoder().decode(DecodeOrder.self, from: Data(order)) else { return 64 }
        dup2(input, STDIN_FILENO)
        dup2(output, STDOUT_FILENO)
        for descriptor in [input, output] { close(descriptor) }
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
        guard let bytes = try? message.encoded() else { _exit(70) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if written > 0 { done += written } else if errno != EINTR { _exit(74) }
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
