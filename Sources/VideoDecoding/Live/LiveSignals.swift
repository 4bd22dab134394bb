internal import Dispatch
internal import Synchronization
internal import TokenCore

/// What other threads tell the thread of a live source.
final class LiveSignals: Sendable {
    private let closed = Atomic<Bool>(false)
    private let reopening = Atomic<Bool>(false)
    private let cancellation: Cancellation?
    private let canReopen: Bool
    private let woken = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    init(for source: LiveSource, cancellation: Cancellation?) {
        canReopen = !source.isLossless
        self.cancellation = cancellation
    }

    /// Whether the source is to end.
    var isClosed: Bool { closed.load(ordering: .acquiring) || cancellation?.isCancelled == true }

    /// Whether the present connection is to be given up for a new one.
    var isReopening: Bool { reopening.load(ordering: .acquiring) }

    /// Whether blocking work is to stop.
    var interrupts: Bool { isClosed || isReopening }

    /// Asks for the end.
    func close() {
        closed.store(true, ordering: .releasing)
        woken.signal()
    }

    /// Asks for a new connection; a pipe or file has none.
    func reopen() {
        guard canReopen else { return }
        reopening.store(true, ordering: .releasing)
        woken.signal()
    }

    /// A connection is being made, as was perhaps asked for.
    func beginConnection() { reopening.store(false, ordering: .releasing) }

    /// Waits unless a new connection is asked for; false once the source is to end.
    func wait(seconds: Double) -> Bool {
        wait(until: .now + .seconds(seconds))
        return !isClosed
    }

    /// Waits unless something is asked for.
    func wait(until moment: ContinuousClock.Instant) {
        while !interrupts {
            let left = (moment - .now) / .seconds(1)
            guard left > 0 else { return }
            // In short steps, because nobody wakes this thread for the cancellation.
            _ = woken.wait(timeout: .now() + min(left, 0.1))
        }
    }

    /// The thread has nothing left to do.
    func end() { ended.signal() }

    /// Waits for that, at most so long.
    func waitForEnd(seconds: Double) {
        // Passed on to whoever else waits.
        if ended.wait(timeout: .now() + seconds) == .success { ended.signal() }
    }
}
