internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import ServiceLifecycle
public import TokenCore
internal import TokenReduction
internal import TokenReel
internal import UnixSignals
internal import VideoDecoding

/// The HTTP service: uploads in, tokens out.
///
/// Uploads are untrusted. They are decoded by a process of their own each, everything they may cost is limited, and no
/// client names a path or an address of this machine.
public struct TokenService: Sendable {
    /// The version of the package.
    public static let version = ProductVersion.current

    let configuration: ServiceConfiguration
    let logger: Logger
    let queue: WorkQueue
    let jobs: JobStore
    let metrics = Metrics()
    private let nursery: DecoderNursery
    private let stops = RunningWork()
    private let methodsText = MethodCatalogue.json().text

    /// Takes a configuration.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` as ``ServiceConfiguration/validate()`` does.
    public init(_ configuration: ServiceConfiguration, logger: Logger) throws(TokenReelError) {
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger
        queue = WorkQueue(slots: configuration.slots, waiting: configuration.waiting)
        nursery = DecoderNursery(command: [configuration.worker, DecodeWorker.argument])
        jobs = JobStore(capacity: configuration.jobs, seconds: configuration.jobSeconds)
    }

    /// Listens until the process is asked to end, then finishes what was begun.
    ///
    /// - Parameter listening: Called once, with the port.
    /// - Throws: What the system says if the address can't be listened at.
    public func run(listening: @escaping @Sendable (Int) -> Void) async throws {
        let application = Application(
            router: router(),
            server: .http1(configuration: .init(idleTimeout: .seconds(Int64(configuration.uploadSeconds) + 10))),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connections)),
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) }, logger: logger)
        // Ended in the opposite order: first no more work is taken on, then no more connections.
        var group = ServiceGroupConfiguration(
            services: [application, Draining(service: self)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(configuration.drainSeconds + 5)
        try await ServiceGroup(configuration: group).run()
    }

    /// The table of endpoints as a router.
    func router() -> Router<ServiceContext> {
        let router = Router(context: ServiceContext.self)
        router.add(middleware: RequestRecord(metrics: metrics))
        router.add(middleware: Authentication(keys: configuration.keys))
        for endpoint in Endpoint.all {
            router.on(endpoint.routerPath, method: endpoint.method) { request, context in
                try await endpoint.handler(self, request, context)
            }
        }
        return router
    }

    // MARK: What the service says about itself

    /// The page where a person drops a video.
    func page() -> Response {
        .text(
            HTMLPage(template: PackageResources.index_html, title: "TokenReel").text, "text/html; charset=utf-8",
            [
                .contentSecurityPolicy: """
                default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
                """
            ])
    }

    func readiness() throws(Problem) -> Response {
        if queue.isDraining { throw .draining }
        return .json(.members(["status": .string("ready")]))
    }

    func figures() -> Response {
        .text(metrics.text(load: queue.load, jobs: jobs.count), "text/plain; version=0.0.4; charset=utf-8")
    }

    func methods() -> Response { .text(methodsText, "application/json") }

    // MARK: Work

    /// Answers with the tokens of an upload, once they are there.
    func reduce(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let format = try resultFormat(request)
        let stop = StopSignal()
        return try await stops.tracking(stop) {
            try await request.body.consumeWithCancellationOnInboundClose { body in
                let (work, place) = try await accept(request, body, context)
                return try await perform(work, in: place, stop) { outcome throws(TokenReelError) in
                    try outcome.rendered(as: format, stop)
                } progress: { _ in
                }
            }.response
        }
    }

    /// Takes an upload and answers before the work on it begins.
    func createJob(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let job = Job(holder: context.holder)
        try await request.body.consumeWithCancellationOnInboundClose { body in
            let (work, place) = try await accept(request, body, context)
            try jobs.add(job)
            Task {
                do {
                    let outcome = try await stops.tracking(job.stop) {
                        try await perform(work, in: place, job.stop) { outcome throws(TokenReelError) in
                            outcome
                        } progress: {
                            job.enter(.running($0))
                        }
                    }
                    job.enter(.done(outcome))
                } catch let problem as Problem {
                    job.enter(.failed(problem))
                } catch {
                    job.enter(.cancelled)
                }
            }
        }
        return .json(job.description, status: .accepted, [.location: "/v1/jobs/\(job.id)"])
    }

    func showJob(_ context: ServiceContext) throws(Problem) -> Response { .json(try job(context).description) }

    func deleteJob(_ context: ServiceContext) throws(Problem) -> Response {
        jobs.remove(try job(context))
        return Response(status: .noContent)
    }

    func sendResult(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let job = try job(context)
        switch job.phase {
        case .queued, .running:
            throw Problem(
                .conflict, "not-done", "The job is still under way.", remedy: "follow /v1/jobs/\(job.id)/events",
                fields: [.retryAfter: "1"])
        case .cancelled: throw Problem(.conflict, "cancelled", "The job was cancelled.")
        case .failed(let problem): throw problem
        case .done(let outcome):
            let format = try resultFormat(request)
            let stop = StopSignal()
            guard format == .page else { return try outcome.rendered(as: format, stop).response }
            // Pictures have to be decoded, and that is work like any other.
            let place = try queue.admit()
            return try await stops.tracking(stop) {
                try await queue.run(place) {
                    try await onThread(stop) { () throws(TokenReelError) in try outcome.rendered(as: format, stop) }
                }
            }.response
        }
    }

    func sendEvents(_ context: ServiceContext) throws(Problem) -> Response {
        let job = try job(context)
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                for await event in job.events() {
                    try await writer.write(
                        ByteBuffer(string: "event: \(event.phase.name)\ndata: \(event.description.text)\n\n"))
                }
                try await writer.finish(nil)
            })
    }

    /// Refuses new work, ends jobs, whose results nobody could fetch any more, and after a while all other work too.
    func drain() {
        queue.drain()
        jobs.cancelAll(.draining)
        Task {
            try await Task.sleep(for: .seconds(configuration.drainSeconds))
            stops.stopAll(.draining)
        }
    }

    // MARK: Steps

    private func job(_ context: ServiceContext) throws(Problem) -> Job {
        try jobs.job(context.parameters.get("id"), of: context.holder)
    }

    private func resultFormat(_ request: Request) throws(Problem) -> ResultFormat {
        guard let format = ResultFormat(accept: request.headers[.accept]) else {
            throw Problem(
                .notAcceptable, "not-acceptable", "The tokens can't be sent in any of the types that were asked for.",
                allowed: ResultFormat.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return format
    }

    /// Understands a request, finds it a place, and only then reads its body.
    private func accept(
        _ request: Request, _ body: RequestBody, _ context: ServiceContext
    ) async throws -> (ReduceWork, WorkQueue.Place) {
        do {
            let (reduceRequest, upload, place) = try await admit(request, discarding: body)
            let received = try await upload.receive(body)
            metrics.received(received.bytes)
            let work = ReduceWork(
                request: reduceRequest, upload: received.file, nursery: nursery, memory: configuration.workerMemory)
            return (work, place)
        } catch {
            // The connection ends with the answer; whoever goes on sending is cut off soon.
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
            throw error
        }
    }

    private func admit(
        _ request: Request, discarding body: RequestBody
    ) async throws -> (ReduceRequest, Upload, WorkQueue.Place) {
        do {
            let reduceRequest = try ReduceRequest(QueryString(request.uri.query), configuration)
            let limits = reduceRequest.pipeline.decodeOptions.limits
            let upload = Upload(
                largest: limits.inputBytes, seconds: configuration.uploadSeconds, stallSeconds: limits.stallSeconds)
            try upload.check(request.headers)
            return (reduceRequest, upload, try queue.admit())
        } catch {
            await Upload.discard(body)
            throw error
        }
    }

    /// Waits for a turn, reduces, and makes of the outcome what is wanted, all within the request's time.
    private func perform<Value: Sendable>(
        _ work: ReduceWork, in place: WorkQueue.Place, _ stop: StopSignal,
        _ finish: @escaping @Sendable (ReduceOutcome) throws(TokenReelError) -> Value,
        progress: @escaping ProgressHandler
    ) async throws -> Value {
        try await queue.run(place) {
            let start = ContinuousClock.now
            let deadline = Task {
                try await Task.sleep(for: .seconds(work.request.pipeline.decodeOptions.limits.seconds))
                stop.stop(.deadline)
            }
            defer { deadline.cancel() }
            do {
                let (value, tokensIn, tokensOut) = try await onThread(stop) {
                    () throws(TokenReelError) -> (Value, Int, Int) in
                    let outcome = try work.run(stop, progress: progress)
                    return (try finish(outcome), outcome.tokensIn, outcome.tokensOut)
                }
                metrics.reduced(
                    "done", seconds: (ContinuousClock.now - start) / .seconds(1), tokensIn: tokensIn,
                    tokensOut: tokensOut)
                return value
            } catch {
                let code = (error as? Problem)?.code ?? "cancelled"
                metrics.reduced(code, seconds: (ContinuousClock.now - start) / .seconds(1))
                throw error
            }
        }
    }

    /// Runs blocking work on a thread of its own; what ends it is told as a problem.
    private func onThread<Value: Sendable>(
        _ stop: StopSignal, _ work: @escaping @Sendable () throws(TokenReelError) -> Value
    ) async throws -> Value {
        let outcome = await withTaskCancellationHandler {
            await DedicatedThread.outcome(work)
        } onCancel: {
            stop.stop(.unwanted)
        }
        do throws(TokenReelError) {
            return try outcome.get()
        } catch {
            if error.code == .inputOutput { logger.error("failed", metadata: ["error": "\(error)"]) }
            throw stop.problem(error)
        }
    }
}

/// Ends the work of a service when the process is asked to end.
private struct Draining: Service {
    let service: TokenService

    func run() async throws {
        try? await gracefulShutdown()
        service.drain()
    }
}
