internal import HTTPTypes
internal import Synchronization

/// Decides whose work is taken on, and whose turn it is: a few pieces run, some more wait in order, the rest is refused.
final class WorkQueue: Sendable {
    private struct State {
        var admitted = 0
        var running = 0
        var isDraining = false
        var nextNumber = 0
        var waiting: [(number: Int, turn: CheckedContinuation<Bool, Never>)] = []
    }
    private let state = Mutex(State())
    private let slots: Int
    private let capacity: Int

    /// - Parameters:
    ///   - slots: Pieces that run at the same time.
    ///   - waiting: Pieces that may be taken on beyond those.
    init(slots: Int, waiting: Int) {
        self.slots = slots
        capacity = slots + waiting
    }

    /// A place in the queue, given back when it is let go.
    final class Place: Sendable {
        fileprivate let queue: WorkQueue
        fileprivate init(_ queue: WorkQueue) { self.queue = queue }
        deinit { queue.state.withLock { $0.admitted -= 1 } }
    }

    /// Pieces that run, and pieces that were taken on but do not run.
    var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.admitted - $0.running) } }

    /// Whether the service is about to end.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Refuses all new work from now on.
    func drain() { state.withLock { $0.isDraining = true } }

    /// Takes on a piece of work before anything of it is read.
    ///
    /// - Throws: A ``Problem`` with status 429 when the queue is full, 503 when it drains.
    func admit() throws(Problem) -> Place {
        let refusal = state.withLock { state -> Problem? in
            guard !state.isDraining else { return .draining }
            guard state.admitted < capacity else {
                return Problem(
                    .tooManyRequests, "queue-full", "\(state.admitted) requests are being worked on or wait.",
                    allowed: "up to \(capacity) at a time", fields: [.retryAfter: "1"])
            }
            state.admitted += 1
            return nil
        }
        if let refusal { throw refusal }
        return Place(self)
    }

    /// Waits for a turn, does the work and lets the next one have its turn.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits, and what `work` throws.
    func run<Value: Sendable>(_ place: Place, _ work: () async throws -> Value) async throws -> Value {
        guard await turn() else { throw CancellationError() }
        defer { finish() }
        return try await work()
    }

    private func turn() async -> Bool {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNow = state.withLock { state -> Bool? in
                    // A cancellation that came before has found nobody to wake.
                    if Task.isCancelled { return false }
                    if state.running < slots {
                        state.running += 1
                        return true
                    }
                    state.waiting.append((number, continuation))
                    return nil
                }
                if let isNow { continuation.resume(returning: isNow) }
            }
        } onCancel: {
            let turn = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).turn }
            }
            turn?.resume(returning: false)
        }
    }

    private func finish() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst().turn
        }
        next?.resume(returning: true)
    }
}
