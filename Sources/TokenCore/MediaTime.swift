/// A point in time as a container stores it: ticks of a rational time base, exact until someone asks for seconds.
public struct MediaTime: Sendable, Hashable {
    /// Count of time-base units; may be negative.
    public let ticks: Int64
    /// Seconds per tick, `numerator / denominator`, both positive.
    public let timeBase: Rational

    /// Makes `ticks * timeBase` seconds.
    public init(ticks: Int64, timeBase: Rational) {
        self.ticks = ticks
        self.timeBase = timeBase
    }

    /// The same point in seconds.
    public var seconds: Double { Double(ticks) * Double(timeBase.numerator) / Double(timeBase.denominator) }
}

extension MediaTime: Comparable {
    /// Exact comparison, across time bases too.
    public static func < (a: MediaTime, b: MediaTime) -> Bool {
        if a.timeBase == b.timeBase { return a.ticks < b.ticks }
        // The products need up to 127 bits: an Int64 of ticks times two Int32 terms.
        let left = Int128(a.ticks) * Int128(a.timeBase.numerator) * Int128(b.timeBase.denominator)
        let right = Int128(b.ticks) * Int128(b.timeBase.numerator) * Int128(a.timeBase.denominator)
        return left < right
    }
}

/// A fraction of two 32-bit integers with a positive denominator, as containers write rates and time bases.
public struct Rational: Sendable, Hashable, Codable {
    /// Upper term.
    public let numerator: Int32
    /// Lower term, at least 1.
    public let denominator: Int32

    /// Makes `numerator / denominator`; nil unless the denominator is positive.
    public init?(_ numerator: Int32, _ denominator: Int32) {
        guard denominator > 0 else { return nil }
        self.numerator = numerator
        self.denominator = denominator
    }

    /// One, the unit of whole seconds.
    public static let one = Rational(whole: 1)

    private init(whole: Int32) { (numerator, denominator) = (whole, 1) }

    /// The nearest floating-point value.
    public var value: Double { Double(numerator) / Double(denominator) }
}
