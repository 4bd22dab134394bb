public import TokenCore

/// How a live source is sampled, and how it is kept alive.
public struct LiveOptions: Sendable {
    /// Frames a second to take: those on screen at multiples of `1 / sampleRate` after the stream's first frame.
    ///
    /// They are chosen before anything is converted.
    public var sampleRate: Double = 1
    /// The size of the returned pictures.
    public var size: FrameSize = .display
    /// Seconds without a frame after which a device or connection is given up and made anew; pipes and files may be
    /// silent for as long as they like.
    public var stallSeconds: Double = 10
    /// Seconds to wait before a new connection is tried: the lower bound at first, doubled with each failure up to the
    /// upper one, and shortened at random by up to half, never below the lower bound.
    public var backoff: ClosedRange<Double> = 1...30
    /// Decides the random part of the waiting.
    public var seed: UInt64 = 0
    /// The most that a picture may cost; bounds on the whole input do not apply to a source without an end.
    public var limits = Limits()
    /// Raised from another thread to close the source.
    public var cancellation: Cancellation?

    /// One frame a second at its display size.
    public init() {}

    /// Refuses settings that make no sense.
    func validate() throws(TokenReelError) {
        var options = DecodeOptions()
        (options.sampling, options.size, options.limits) = (.rate(sampleRate), size, limits)
        try options.validate()
        guard stallSeconds > 0, stallSeconds < 1e6 else {
            throw TokenReelError(
                .invalidArgument, subject: "live source", found: "a stall after \(stallSeconds) s",
                allowed: "more than 0 s", remedy: "set it with --stall")
        }
        guard backoff.lowerBound > 0, backoff.upperBound < 1e6 else {
            throw TokenReelError(
                .invalidArgument, subject: "live source",
                found: "a wait of \(backoff.lowerBound) to \(backoff.upperBound) s", allowed: "more than 0 s")
        }
    }
}
