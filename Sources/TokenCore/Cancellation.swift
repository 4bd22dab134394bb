internal import Synchronization

/// A flag that one thread raises and blocking work on other threads reads between steps.
///
/// Swift's task cancellation does not reach code that blocks inside a C library; a decoder's interrupt callback can
/// read this instead.
public final class Cancellation: Sendable {
    private let raised = Atomic<Bool>(false)

    /// Makes a flag that is not raised.
    public init() {}

    /// Asks everyone who holds this flag to stop.
    public func cancel() { raised.store(true, ordering: .relaxed) }

    /// Whether someone asked to stop.
    public var isCancelled: Bool { raised.load(ordering: .relaxed) }

    /// Throws ``TokenReelError/Code/cancelled`` once someone asked to stop.
    public func check() throws(TokenReelError) {
        if isCancelled { throw TokenReelError(.cancelled, subject: "work", found: "cancelled by the caller") }
    }
}
