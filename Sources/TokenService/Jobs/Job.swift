internal import Synchronization
internal import TokenReel

/// Work that goes on while its client is away.
final class Job: Sendable {
    /// How far a job has come.
    enum Phase: Sendable {
        case queued
        case running(PipelineProgress?)
        case done(ReduceOutcome)
        case failed(Problem)
        case cancelled

        var name: String {
            switch self {
            case .queued: "queued"
            case .running: "running"
            case .done: "done"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        }
        var isFinal: Bool {
            switch self {
            case .queued, .running: false
            case .done, .failed, .cancelled: true
            }
        }
    }

    private struct State {
        var phase = Phase.queued
        var ended: ContinuousClock.Instant?
        var nextListener = 0
        var listeners: [Int: AsyncStream<Event>.Continuation] = [:]
    }

    /// A name that nobody can guess.
    let id: String
    /// Whose key it came with.
    let holder: Int?
    /// Ends the work.
    let stop = StopSignal()
    private let state = Mutex(State())

    init(holder: Int?) {
        self.holder = holder
        var random = SystemRandomNumberGenerator()
        id = (0..<4).map { _ in
            let digits = String(UInt32.random(in: 0 ... .max, using: &random), radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// How far it has come.
    var phase: Phase { state.withLock { $0.phase } }
    /// When it came to its end; nil before.
    var ended: ContinuousClock.Instant? { state.withLock { $0.ended } }

    /// Goes on to another phase, unless the job has come to its end, and tells everyone who listens.
    func enter(_ phase: Phase) {
        let leaving = state.withLock { state -> [AsyncStream<Event>.Continuation] in
            guard !state.phase.isFinal else { return [] }
            state.phase = phase
            let event = Event(phase: phase, description: describe(phase))
            for listener in state.listeners.values { listener.yield(event) }
            guard phase.isFinal else { return [] }
            state.ended = .now
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        // A stream that ends takes itself off the list, for which it needs the lock.
        for listener in leaving { listener.finish() }
    }

    /// Ends the work and counts as cancelled at once.
    func cancel(_ reason: StopSignal.Reason) {
        stop.stop(reason)
        enter(.cancelled)
    }

    /// What happens from now on, beginning with how things stand; ends with the job.
    ///
    /// A listener that is slow misses progress, never the end.
    func events() -> AsyncStream<Event> {
        AsyncStream(bufferingPolicy: .bufferingNewest(16)) { listener in
            let number = state.withLock { state in
                state.nextListener += 1
                listener.yield(Event(phase: state.phase, description: describe(state.phase)))
                if state.phase.isFinal { listener.finish() } else { state.listeners[state.nextListener] = listener }
                return state.nextListener
            }
            listener.onTermination = { [weak self] _ in
                _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
            }
        }
    }

    /// One thing that happened.
    struct Event: Sendable {
        let phase: Phase
        let description: JSONValue
    }

    /// The job as a client sees it.
    var description: JSONValue { describe(phase) }

    private func describe(_ phase: Phase) -> JSONValue {
        var members: KeyValuePairs<String, JSONValue?> = [:]
        switch phase {
        case .queued, .cancelled: break
        case .running(let progress):
            members = [
                "stage": progress.map { .string($0.stage.rawValue) }, "frames": progress.map { .integer($0.frames) },
                "expected_frames": progress?.expectedFrames.map(JSONValue.integer),
            ]
        case .done(let outcome): members = ["result": .string("/v1/jobs/\(id)/result"), "report": outcome.report]
        case .failed(let problem): members = ["problem": problem.json(request: nil)]
        }
        let start = JSONValue.members(["id": .string(id), "state": .string(phase.name)])
        return start.joined(with: .members(members))
    }
}
