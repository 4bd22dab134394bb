internal import HTTPTypes
internal import Synchronization
internal import TokenCore

/// Ends one piece of work, and remembers why.
final class StopSignal: Sendable {
    enum Reason: Sendable {
        /// It took too long.
        case deadline
        /// Whoever asked for it is gone, or does not want it any more.
        case unwanted
        /// The service ends.
        case draining
    }

    /// What the work itself looks at.
    let cancellation = Cancellation()
    private let first = Mutex<Reason?>(nil)

    /// Why the work was ended; nil if it was not.
    var reason: Reason? { first.withLock { $0 } }

    /// Ends the work; only the first reason counts.
    func stop(_ reason: Reason) {
        first.withLock { $0 = $0 ?? reason }
        cancellation.cancel()
    }

    /// What a client is told of work that ended with an error.
    func problem(_ error: TokenReelError) -> Problem {
        guard error.code == .cancelled, let reason else { return Problem(error) }
        switch reason {
        case .deadline:
            return Problem(
                .requestTimeout, "deadline-exceeded", "The work took longer than it may.",
                allowed: "less work, such as fewer frames or a cheaper method")
        case .unwanted: return Problem(.conflict, "cancelled", "The work was cancelled.")
        case .draining: return .draining
        }
    }
}

extension Problem {
    /// The service takes no more work because it ends.
    static let draining = Problem(
        .serviceUnavailable, "draining", "The service is about to end.", fields: [.retryAfter: "5"])
}
