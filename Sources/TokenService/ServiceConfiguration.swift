public import TokenCore

/// How a service runs: where it listens, who may use it, and the most that its clients may cost it.
public struct ServiceConfiguration: Sendable {
    /// The address to listen at.
    public var host = "127.0.0.1"
    /// The port to listen at; 0 lets the system choose.
    public var port = 8321
    /// Who may use it; nil for everyone who reaches it.
    public var keys: ServiceKeys?
    /// Whether to listen at an address that other machines reach although there are no keys.
    public var isOpenToAll = false

    /// The most that one upload may cost; requests may lower these, never raise them.
    ///
    /// `seconds` is the time from a request's turn to its result.
    public var limits: Limits
    /// Seconds in which an upload has to arrive.
    public var uploadSeconds = 120.0
    /// Reductions that run at the same time.
    public var slots: Int
    /// Threads of each.
    public var threads = 1
    /// Requests that may wait for their turn, their uploads held.
    public var waiting = 128
    /// Connections that may be open.
    public var connections = 1024
    /// Bytes of address space of a process that decodes.
    public var workerMemory = 4 << 30

    /// Jobs that are remembered, finished ones included.
    public var jobs = 256
    /// Seconds for which a finished job is remembered.
    public var jobSeconds = 600.0
    /// Seconds that requests get to finish once the service is asked to end.
    public var drainSeconds = 10.0

    /// What clients can ask for by name, loaded once.
    public var models: ServiceModels
    /// The program that becomes a ``DecodeWorker``.
    public var worker: String

    /// Loopback, no keys, the built-in encoder, and limits that fit an hour of video.
    ///
    /// - Parameters:
    ///   - cores: Reductions at the same time.
    ///   - worker: The path of a program that calls ``DecodeWorker/run()``.
    public init(cores: Int, worker: String) {
        slots = max(cores, 1)
        self.worker = worker
        models = ServiceModels()
        limits = Limits()
        limits.decodedFrames = 1_000_000
        limits.sampledFrames = 20_000
        limits.inputBytes = 1 << 30
        limits.gridBytes = 2 << 30
        limits.seconds = 300
        limits.stallSeconds = 10
    }

    /// Refuses what would let strangers in or could not work.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument``.
    public func validate() throws(TokenReelError) {
        guard Self.isLoopback(host) || keys != nil || isOpenToAll else {
            throw TokenReelError(
                .invalidArgument, subject: "--host", found: "\(host), which other machines reach, and no keys",
                allowed: "a loopback address such as 127.0.0.1",
                remedy: "name a file of keys with --keys, or let everyone in with --no-keys")
        }
        for (option, value) in [
            ("--jobs", slots), ("--threads", threads), ("--connections", connections), ("--kept-jobs", jobs),
        ] where value < 1 {
            throw TokenReelError(.invalidArgument, subject: option, found: "\(value)", allowed: "1 or more")
        }
        guard waiting >= 0 else {
            throw TokenReelError(.invalidArgument, subject: "--waiting", found: "\(waiting)", allowed: "0 or more")
        }
        guard 0...65535 ~= port else {
            throw TokenReelError(.invalidArgument, subject: "--port", found: "\(port)", allowed: "0 to 65535")
        }
    }

    /// Whether only this machine reaches an address.
    static func isLoopback(_ host: String) -> Bool {
        if ["localhost", "::1"].contains(host) { return true }
        let fields = host.split(separator: ".", omittingEmptySubsequences: false)
        return fields.count == 4 && fields[0] == "127" && fields.allSatisfy { UInt8($0) != nil }
    }
}
