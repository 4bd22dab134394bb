// Public, because the level and the precision are, and so must be what they conform to.
public import ArgumentParser
internal import CLibrary
internal import Dispatch
internal import Essentials
public import Logging
internal import Synchronization
internal import TokenCore
internal import TokenService
public import VisionEncoding

extension Precision: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}

/// The command `tokenreel-serve`, which `tokenreel serve` runs.
@main
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenreel serve", abstract: "Serve reductions over HTTP.",
        discussion: """
            Clients upload a video or a token grid and get tokens back; / is a page to try it, /openapi.json describes \
            the rest. Without keys only this machine may connect. SIGTERM lets requests finish, then ends.
            """,
        version: TokenService.version)

    @Option(help: "The address to listen at.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen at; 0 for any that is free.")
    var port = 8321

    @Option(help: ArgumentHelp("Let in only who sends one of the keys in this file, one a line.", valueName: "file"))
    var keys: String?

    @Flag(help: "Listen where other machines reach it although there are no keys.")
    var noKeys = false

    @Option(
        help: ArgumentHelp(
            "A Hugging Face checkpoint folder that clients may ask for by its name; may be repeated, the first is the default.",
            valueName: "[name=]folder"))
    var model: [String] = []

    @Option(
        help: ArgumentHelp(
            "A checkpoint, CLIP or SigLIP, that reads queries for the other models.", valueName: "folder"))
    var queryModel: String?

    @Option(help: "What models compute products in: f32, or bf16 where the processor has it.")
    var precision = Precision.f32

    @Option(help: "Reductions at the same time. (default: the cores there are)")
    var jobs: Int?

    @Option(help: "Threads of each.")
    var threads = 1

    @Option(help: "Requests that may wait for their turn; more are refused with 429.")
    var waiting = 128

    @Option(help: "Connections that may be open.")
    var connections = 1024

    @Option(help: "Finished and unfinished jobs that are remembered.")
    var keptJobs = 256

    @Option(help: "Seconds for which a finished job is remembered.")
    var keptSeconds = 600.0

    @Option(help: "Seconds that requests get to finish after SIGTERM.")
    var drainSeconds = 10.0

    @OptionGroup(title: "Limits of one upload; requests may lower them") var limits: UploadLimits

    @Option(help: "The least that is logged: trace, debug, info, notice, warning, error or critical.")
    var logLevel = Logger.Level.info

    /// The most that one upload may cost.
    struct UploadLimits: ParsableArguments {
        @Option(help: "Bytes of a body. (default: 1073741824)")
        var maxBytes: Int?

        @Option(help: "Pixels of one picture. (default: 33554432, which fits 8K)")
        var maxPixels: Int?

        @Option(help: "Frames taken. (default: 20000)")
        var maxFrames: Int?

        @Option(help: "Frames decoded, taken or not. (default: 1000000)")
        var maxDecodedFrames: Int?

        @Option(help: "Bytes of one token grid. (default: 2147483648)")
        var maxGridBytes: Int?

        @Option(help: "Seconds of work. (default: 300)")
        var maxSeconds: Double?

        @Option(help: "Seconds in which a body has to arrive.")
        var uploadSeconds = 120.0

        @Option(help: "Seconds to wait for the next bytes of a body. (default: 10)")
        var stallSeconds: Double?

        @Option(help: "Bytes of address space of a process that decodes. (default: 4294967296)")
        var decoderMemory: Int?

        mutating func validate() throws {
            let counts = [
                ("--max-bytes", maxBytes), ("--max-pixels", maxPixels), ("--max-frames", maxFrames),
                ("--max-decoded-frames", maxDecodedFrames), ("--max-grid-bytes", maxGridBytes),
                ("--decoder-memory", decoderMemory),
            ]
            for case (let option, let count?) in counts where count < 1 {
                throw ValidationError("\(option) must be 1 or more, not \(count).")
            }
            let seconds = [
                ("--max-seconds", maxSeconds), ("--upload-seconds", uploadSeconds), ("--stall-seconds", stallSeconds),
            ]
            for case (let option, let value?) in seconds where !(value > 0 && value <= 1e6) {
                throw ValidationError("\(option) must be above 0, not \(value).")
            }
        }

        func apply(to configuration: inout ServiceConfiguration) {
            if let maxBytes { configuration.limits.inputBytes = maxBytes }
            if let maxPixels { configuration.limits.pixelsPerFrame = maxPixels }
            if let maxFrames { configuration.limits.sampledFrames = maxFrames }
            if let maxDecodedFrames { configuration.limits.decodedFrames = maxDecodedFrames }
            if let maxGridBytes { configuration.limits.gridBytes = maxGridBytes }
            if let maxSeconds { configuration.limits.seconds = maxSeconds }
            if let stallSeconds { configuration.limits.stallSeconds = stallSeconds }
            if let decoderMemory { configuration.workerMemory = decoderMemory }
            configuration.uploadSeconds = uploadSeconds
        }
    }

    static func main() {
        // Before anything else: this is about to be copied, and must not have a second thread by then.
        if CommandLine.arguments.dropFirst().first == DecodeWorker.argument { leave(DecodeWorker.run()) }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            exit(withError: error)
        }
    }

    func run() throws {
        // Whoever hangs up shall be an error that can be handled, not the end.
        signal(SIGPIPE, SIG_IGN)
        let level = logLevel
        LoggingSystem.bootstrap { _ in LineLog(level: level) }
        let service: TokenService
        do throws(TokenReelError) {
            service = try TokenService(try settings(), logger: Logger(label: "tokenreel"))
        } catch {
            _ = "error: \(error)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
            throw ExitCode(error.code == .invalidArgument ? 64 : 1)
        }
        let host = host
        let (ended, failure) = (DispatchSemaphore(value: 0), Failure())
        Task {
            do {
                try await service.run { port in
                    // For programs that let the system choose the port.
                    print("http://\(host.contains(":") ? "[\(host)]" : host):\(port)/")
                    fflush(nil)
                }
            } catch {
                failure.error.withLock { $0 = error }
            }
            ended.signal()
        }
        ended.wait()
        if let error = failure.error.withLock({ $0 }) { throw error }
    }

    /// What ended the service, if it was not asked to end.
    private final class Failure: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    private func settings() throws(TokenReelError) -> ServiceConfiguration {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        var configuration = ServiceConfiguration(
            cores: jobs ?? max(1, cores / max(threads, 1)), worker: Self.ownPath)
        configuration.host = host
        configuration.port = port
        configuration.isOpenToAll = noKeys
        if let keys { configuration.keys = try ServiceKeys(path: keys) }
        if let jobs { configuration.slots = jobs }
        configuration.threads = threads
        configuration.waiting = waiting
        configuration.connections = connections
        configuration.jobs = keptJobs
        configuration.jobSeconds = keptSeconds
        configuration.drainSeconds = drainSeconds
        limits.apply(to: &configuration)
        for argument in model {
            let sides = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let path = sides.last ?? ""
            let name = sides.count > 1 ? sides[0] : path.split(separator: "/").last.map(String.init) ?? ""
            try configuration.models.load(name, path: path, precision: precision)
        }
        if let queryModel { try configuration.models.pair(path: queryModel, precision: precision) }
        return configuration
    }

    /// Where this program lies, however it was called.
    private static var ownPath: String {
        #if os(Linux)
            "/proc/self/exe"
        #else
            Bundle.main.executablePath ?? CommandLine.arguments[0]
        #endif
    }
}

/// The system's `exit`, which the method of the same name hides inside commands.
private func leave(_ code: Int32) -> Never { exit(code) }
