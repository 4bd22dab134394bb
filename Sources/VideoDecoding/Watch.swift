internal import TokenCore

/// The clock and the stop signal of one input: decides when blocking work must end, and remembers why.
///
/// FFmpeg asks through its interrupt callback, and the byte source before every read; both then give up with a code
/// that says nothing, so the reason waits here for whoever called.
final class Watch {
    private let limits: Limits
    private let isCancelled: () -> Bool
    /// Only pictures count as progress, not bytes.
    private let wantsPictures: Bool
    private let clock = ContinuousClock()
    /// Time spent inside earlier calls; the caller's own time between calls does not count.
    private var spent: Duration = .zero
    private var entered: ContinuousClock.Instant?
    private var lastProgress: ContinuousClock.Instant
    /// Whether the work was stopped because nothing came for too long.
    private(set) var isStalled = false
    /// Why the work was stopped.
    private(set) var failure: TokenReelError?

    init(limits: Limits, cancellation: Cancellation?) {
        self.limits = limits
        isCancelled = { cancellation?.isCancelled == true }
        wantsPictures = false
        lastProgress = clock.now
    }

    /// Watches a source that has no end, whose pictures come `stallSeconds` apart at most.
    init(stallSeconds: Double, isCancelled: @escaping () -> Bool) {
        limits = Limits().endless(stallSeconds: stallSeconds)
        self.isCancelled = isCancelled
        wantsPictures = true
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
    func progress() { if !wantsPictures { lastProgress = clock.now } }

    /// A picture came out of the decoder.
    func picture() { lastProgress = clock.now }

    /// Stops all further work for a reason of the caller's own.
    func fail(_ error: TokenReelError) { if failure == nil { failure = error } }

    /// Whether to give up now; from then on ``failure`` says why.
    func mustStop() -> Bool {
        if failure != nil { return true }
        if isCancelled() {
            failure = TokenReelError(.cancelled, subject: "input", found: "cancelled by the caller")
            return true
        }
        let now = clock.now
        if let entered, spent + (now - entered) > .seconds(limits.seconds) {
            failure = TokenReelError(
                .limitExceeded, subject: "input", found: "not decoded after \(limits.seconds) s",
                allowed: "\(limits.seconds) s", remedy: "raise it with --max-seconds")
        } else if limits.stallSeconds < .infinity, now - lastProgress > .seconds(limits.stallSeconds) {
            failure = TokenReelError(
                .inputOutput, subject: "input",
                found: "\(wantsPictures ? "no picture" : "nothing") arrived for \(limits.stallSeconds) s",
                allowed: "data at least every \(limits.stallSeconds) s")
            isStalled = true
        }
        return failure != nil
    }
}

extension Limits {
    /// The same for a source that may run for months: nothing that it costs in all has a bound.
    func endless(stallSeconds: Double = .infinity) -> Limits {
        var limits = self
        (limits.decodedFrames, limits.sampledFrames, limits.inputBytes) = (.max, .max, .max)
        (limits.seconds, limits.stallSeconds) = (.infinity, stallSeconds)
        return limits
    }
}
