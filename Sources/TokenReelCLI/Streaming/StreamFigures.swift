internal import TokenCore
internal import TokenReel
internal import VideoDecoding

/// What one stream has done, beside what its ``LiveControl`` counts.
struct StreamFigures: Sendable {
    private(set) var hasEnded = false
    private(set) var error: TokenReelError?
    private(set) var segmentsWritten = 0
    private(set) var segmentsLost = 0
    private(set) var last: SegmentRecord?
    private(set) var gap: LiveGap?
    /// When ``gap`` began.
    private(set) var gapStart = ContinuousClock.now
    /// From the arrival of a frame to the moment its segment was written, for all frames.
    private(set) var latency = LatencyHistogram()
    /// From the end of a segment to the moment it was written: what reducing and writing take.
    private(set) var writing = LatencyHistogram()
    /// Latency since ``startMinute()``.
    private(set) var recent = LatencyHistogram()

    mutating func opened() { gap = nil }
    mutating func lost() { segmentsLost += 1 }
    mutating func ended(_ error: TokenReelError?) { (hasEnded, self.error) = (true, error) }
    mutating func startMinute() { recent = LatencyHistogram() }

    /// Notes that there are no frames for now; false if that was known.
    mutating func interrupted(_ gap: LiveGap) -> Bool {
        let isNew = self.gap == nil
        if isNew { gapStart = .now }
        self.gap = gap
        return isNew
    }

    /// Counts a segment that has just been written.
    ///
    /// - Returns: Seconds that its first and its last frame waited.
    mutating func written(_ segment: CommittedSegment, _ record: SegmentRecord) -> ClosedRange<Double> {
        let now = ContinuousClock.now
        segmentsWritten += 1
        last = record
        writing.record(max(0, (now - segment.closed) / .seconds(1)))
        let waits = segment.arrivals.map { max(0, (now - $0) / .seconds(1)) }
        for wait in waits {
            latency.record(wait)
            recent.record(wait)
        }
        return (waits.min() ?? 0)...(waits.max() ?? 0)
    }
}

extension LatencyHistogram {
    /// Percentiles in seconds.
    var json: JSONValue {
        .members([
            "count": .integer(count), "p50": percentile(0.5).map(JSONValue.number) ?? .null,
            "p95": percentile(0.95).map(JSONValue.number) ?? .null,
            "p99": percentile(0.99).map(JSONValue.number) ?? .null, "max": .number(longest),
        ])
    }
}
