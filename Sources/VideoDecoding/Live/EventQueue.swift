internal import Dispatch
internal import Synchronization

/// Passes events from a source's thread to its reader.
///
/// When the reader is slow, the source either waits or drops its oldest frame and counts it; other events are never
/// dropped. One thread sends, one receives, any may end it.
package final class EventQueue: Sendable {
    fileprivate struct State {
        var events: [LiveEvent] = []
        var frames = 0
        var isEnded = false
        var isClosing = false
        var receiverWaits = false
        var senderWaits = false
        var statistics = LiveStatistics()
    }

    private let capacity: Int
    private let dropsOldest: Bool
    private let state = Mutex(State())
    private let filled = DispatchSemaphore(value: 0)
    private let freed = DispatchSemaphore(value: 0)

    /// Holds up to `capacity` frames.
    package init(capacity: Int, dropsOldest: Bool) {
        self.capacity = capacity
        self.dropsOldest = dropsOldest
    }

    /// What was counted so far.
    package var statistics: LiveStatistics { state.withLock(\.statistics) }

    /// Counts something.
    package func count(_ change: (inout LiveStatistics) -> Void) { state.withLock { change(&$0.statistics) } }

    /// Adds an event, for which there is a place once this returns.
    package func send(_ event: LiveEvent) {
        while true {
            let (isDone, wakes) = state.withLock { state in
                guard !state.isEnded else { return (true, false) }
                if case .frame = event {
                    if state.frames >= capacity, !state.isClosing {
                        guard dropsOldest else {
                            state.senderWaits = true
                            return (false, false)
                        }
                        state.dropOldestFrame()
                    }
                    state.frames += 1
                }
                state.append(event)
                defer { state.receiverWaits = false }
                return (true, state.receiverWaits)
            }
            if wakes { filled.signal() }
            if isDone { return }
            freed.wait()
        }
    }

    /// Takes the next event, waiting for at most that long; ``LiveEvent/ended`` for ever after the end.
    package func receive(timeout seconds: Double) -> LiveEvent? {
        let deadline = DispatchTime.now() + min(max(seconds, 0), 1e6)
        while true {
            let (event, wakes) = state.withLock { state -> (LiveEvent?, Bool) in
                guard !state.events.isEmpty else {
                    state.receiverWaits = !state.isEnded
                    return (state.isEnded ? .ended : nil, false)
                }
                let event = state.events.removeFirst()
                if case .frame = event { state.frames -= 1 }
                defer { state.senderWaits = false }
                return (event, state.senderWaits)
            }
            if wakes { freed.signal() }
            if let event { return event }
            if filled.wait(timeout: deadline) == .timedOut { return nil }
        }
    }

    /// Lets the sender go on without waiting for the receiver any more.
    package func close() {
        state.withLock { $0.isClosing = true }
        freed.signal()
    }

    /// Says that nothing follows; what is there can still be received, what is sent later is dropped.
    package func end() {
        state.withLock { $0.isEnded = true }
        filled.signal()
        freed.signal()
    }
}

extension EventQueue.State {
    private static var plenty: Int { 64 }

    /// Adds an event; for a reader that never comes, gaps without a frame between them become one, since when the first
    /// began: such a reader must not fill the memory.
    mutating func append(_ event: LiveEvent) {
        var event = event
        if events.count >= Self.plenty, case .gap(var gap) = event {
            if case .opened = events.last, events.count > 1, case .gap = events[events.count - 2] {
                events.removeLast()
            }
            if case .gap(let earlier) = events.last {
                gap = LiveGap(reason: gap.reason, detail: gap.detail, since: earlier.since, attempt: gap.attempt)
                events.removeLast()
                event = .gap(gap)
            }
        }
        events.append(event)
    }

    mutating func dropOldestFrame() {
        guard let oldest = events.firstIndex(where: { if case .frame = $0 { true } else { false } }) else { return }
        events.remove(at: oldest)
        frames -= 1
        statistics.framesDropped += 1
        let rest = events
        events = []
        for event in rest { append(event) }
    }
}
