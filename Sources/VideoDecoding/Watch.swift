internal import TokenCore

/// The clock and the stop signal of one input: decides when blocking work must end, and remembers why.
///
/// FFmpeg asks through its interrupt callback, and the byte source before every read; both then give up with a code
/// that says nothing, so the reason waits here for whoever called.
final class Watch {
    private let limits: Limits
    private let cancellation: Cancellation?
    private let clock = ContinuousClock()
    /// Time spent inside earlier calls; the caller's own time between calls does not count.
    private var spent: Duration = .zero
    private var entered: ContinuousClock.Instant?
    private var lastProgress: ContinuousClock.Instant
    /// Why the work was stopped.
    private(set) var failure: TokenReelError?

    init(limits: Limits, cancellation: Cancellation?) {
        self.limits = limits
        self.cancellation = cancellation
        lastProgress = clock.now
    }

    /// The caller enters the decoder.
    func enter() {
        let now = clock.now
        entered = now
        lastProgress = now
    }

    /// The caller gets its result.
    func leave() {
        if let entered { spent += clock.now - entered }
        entered = nil
    }

    /// Bytes or packets arrived.
    func progress() { lastProgress = clock.now }

    /// Stops all further work for a reason of the caller's own.
    func fail(_ error: TokenReelError) { if failure == nil { failure = error } }

    /// Whether to give up now; from then on ``failure`` says why.
    func mustStop() -> Bool {
        if failure != nil { return true }
        if cancellation?.isCancelled == true {
            failure = TokenReelError(.cancelled, subject: "input", found: "cancelled by the caller")
            return true
        }
        let now = clock.now
        if let entered, spent + (now - entered) > .seconds(limits.seconds) {
            failure = TokenReelError(
                .limitExceeded, subject: "input", found: "not decoded after \(limits.seconds) s",
                allowed: "\(limits.seconds) s", remedy: "raise it with --max-seconds")
        } else if now - lastProgress > .seconds(limits.stallSeconds) {
            failure = TokenReelError(
                .inputOutput, subject: "input", found: "nothing arrived for \(limits.stallSeconds) s",
                allowed: "data at least every \(limits.stallSeconds) s")
        }
        return failure != nil
    }
}
