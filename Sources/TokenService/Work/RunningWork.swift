internal import Synchronization

/// The work that is under way, so that all of it can be ended.
final class RunningWork: Sendable {
    private struct State {
        var next = 0
        var stops: [Int: StopSignal] = [:]
    }
    private let state = Mutex(State())

    /// Does some work that `stop` ends.
    func tracking<Value>(_ stop: StopSignal, _ work: () async throws -> Value) async rethrows -> Value {
        let number = state.withLock { state in
            state.next += 1
            state.stops[state.next] = stop
            return state.next
        }
        defer { _ = state.withLock { $0.stops.removeValue(forKey: number) } }
        return try await work()
    }

    /// Ends all of it.
    func stopAll(_ reason: StopSignal.Reason) {
        for stop in state.withLock({ Array($0.stops.values) }) { stop.stop(reason) }
    }
}
