internal import TokenCore

/// How long to wait before the next attempt at a source that does not answer.
///
/// The wait doubles with each failure in a row. Its random part keeps many readers of one server from coming in step.
package struct Backoff {
    private let range: ClosedRange<Double>
    private var random: SplitMix64

    package init(_ range: ClosedRange<Double>, seed: UInt64) {
        self.range = range
        random = SplitMix64(state: seed)
    }

    /// Seconds to wait after `failures` failed attempts in a row, within the range.
    package mutating func seconds(afterFailures failures: Int) -> Double {
        let longest = min(range.lowerBound * Double(1 << min(failures, 40)), range.upperBound)
        return max(longest * (0.5 + 0.5 * random.unit()), range.lowerBound)
    }
}
