import Testing
import TokenReel

@Suite struct LatencyHistogramTests {
    @Test func percentilesAreWithinTheStatedError() {
        // Spread over seven decades, in an order that is not theirs.
        let values = (0..<10_000).map { index in
            let place = Double(index * 7919 % 10_000) / 10_000
            return 0.0001 * Double(sign: .plus, exponent: Int(place * 23), significand: 1 + place)
        }
        var histogram = LatencyHistogram()
        for value in values { histogram.record(value) }
        let sorted = values.sorted()
        for share in [0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1] {
            let truth = sorted[max(0, Int((share * 10_000).rounded(.up)) - 1)]
            let found = histogram.percentile(share) ?? 0
            #expect(abs(found - truth) <= 0.008 * truth, "\(share): \(found) for \(truth)")
        }
        #expect(histogram.count == 10_000 && histogram.longest == sorted.last)
    }

    @Test func valuesOutsideTheRangeCountAtItsEnds() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.5) == nil)
        for value in [0, -1, .nan, 1e-9] { histogram.record(value) }
        #expect((histogram.percentile(1) ?? 1) <= 0x1p-14 * 1.02)
        histogram.record(1e9)
        #expect(histogram.longest == 1e9)
        #expect((histogram.percentile(1) ?? 0) > 0x1p16)
    }
}
