internal import Dispatch
internal import Synchronization
internal import TokenCore

/// Hands values from a thread, which may block, to a task, which may not; the thread is at most one value ahead.
final class Handover<Value: Sendable>: Sendable {
    /// A value, nil after the last, or why there are no more.
    typealias Message = Result<Value?, TokenReelError>

    private struct State {
        var isClaimed = false
        var pending: Message?
        var reader: CheckedContinuation<Message, Never>?
        /// Whether the last message has been taken, or nobody reads any more.
        var isOver = false
    }
    private let state = Mutex(State())
    private let taken = DispatchSemaphore(value: 0)

    /// Whether the caller is the first to ask.
    func claim() -> Bool {
        state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    /// Gives a value to the reader, or waits until it takes it; drops it once nobody reads.
    func send(_ message: Message) {
        if offer(message) { taken.wait() }
    }

    /// Gives a value to the reader in place of one that it has not taken yet; never waits.
    func replace(_ message: Message) { _ = offer(message) }

    /// Whether the value lies there to be taken.
    private func offer(_ message: Message) -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            if let reader = state.reader {
                state.reader = nil
                state.isOver = Self.isLast(message)
                reader.resume(returning: message)
                return false
            }
            state.pending = message
            return true
        }
    }

    /// Waits for the next value; one task at a time.
    func receive() async -> Message {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if let message = state.pending {
                    state.pending = nil
                    state.isOver = Self.isLast(message)
                    taken.signal()
                    continuation.resume(returning: message)
                } else if state.isOver {
                    continuation.resume(returning: .success(nil))
                } else {
                    state.reader = continuation
                }
            }
        }
    }

    /// Nobody reads any more.
    func close() {
        state.withLock { state in
            state.isOver = true
            if state.pending != nil { taken.signal() }
            state.pending = nil
            state.reader?.resume(returning: .success(nil))
            state.reader = nil
        }
    }

    private static func isLast(_ message: Message) -> Bool {
        switch message {
        case .success(nil), .failure: true
        case .success: false
        }
    }
}
