/// Gives the pictures of a live source times that count from the first one and strictly increase, whatever their
/// timestamps do.
///
/// Pictures come in display order, one ahead of the one whose time is settled, because a timestamp between two neighbours
/// that agree is often the one that is wrong:
/// - sound timestamps keep their distances;
/// - one that is missing, doubled or out of line takes a place between its neighbours;
/// - where the clock jumps back and stays there, times run on by the usual interval;
/// - a jump ahead is believed where time could have passed unseen (pipes and files), and otherwise only as far as the
///   pictures' arrival agrees;
/// - over a new connection times run on by the seconds that passed meanwhile.
package struct LiveClock {
    /// What the timestamps of a connection are worth.
    package enum Stamps {
        /// Nothing else tells the time.
        case alone
        /// Pictures arrive as they are shown, give or take ten seconds.
        case besideArrival
        /// There are none, or they are made up: a picture's time is that of its arrival.
        case absent
    }

    private typealias Arrived = (stamp: Int64?, arrival: ContinuousClock.Instant)

    private let ticksPerSecond: Double
    private var stamps = Stamps.alone
    /// The time of the last settled picture, and when it arrived.
    private(set) var last: Int64?
    private var lastArrival: ContinuousClock.Instant?
    /// The picture that waits for the next one.
    private var held: Arrived?
    /// The first picture of the connection; nil until it is settled.
    private var start: (time: Int64, arrival: ContinuousClock.Instant)?
    /// What makes a time of a timestamp; nil until a connection has brought one.
    private var offset: Int64?
    /// The usual ticks between pictures.
    private(set) var interval: Int64 = 1
    private var steps: [Int64] = []

    package init(ticksPerSecond: Double) { self.ticksPerSecond = ticksPerSecond }

    /// Begins a connection whose pictures are nominally `interval` ticks apart.
    package mutating func connect(_ stamps: Stamps, interval: Int64) {
        self.stamps = stamps
        self.interval = max(interval, 1)
        (start, offset, steps) = (nil, nil, [])
    }

    /// Takes note of the next picture; tells the time of the one before, and that of this one as it looks for now.
    package mutating func advance(
        to stamp: Int64?, arrival: ContinuousClock.Instant
    ) -> (settled: Int64, next: Int64)? {
        // Beyond this a sum of two could leave 64 bits.
        let bounds: ClosedRange<Int64> = -1 << 60...1 << 60
        let stamp = stamp.flatMap { bounds.contains($0) ? $0 : nil }
        defer { held = (stamp, arrival) }
        guard let held else { return nil }
        let time = settle(held, before: (stamp, arrival))
        return (time, plausible((stamp, arrival)) ?? time + interval)
    }

    /// Settles the last picture of a connection; nil if there was none.
    package mutating func finish() -> Int64? {
        guard let held else { return nil }
        self.held = nil
        return settle(held, before: nil)
    }

    private mutating func settle(_ picture: Arrived, before next: Arrived?) -> Int64 {
        let time = max(choose(picture, before: next), last.map { $0 + 1 } ?? 0)
        (last, lastArrival) = (time, picture.arrival)
        return time
    }

    private mutating func choose(_ picture: Arrived, before next: Arrived?) -> Int64 {
        let passed = ticksPassed(until: picture.arrival)
        guard let last, let start else {
            // The first picture of all, or of a connection.
            let time = last.map { $0 + (stamps == .alone ? interval : max(passed, interval)) } ?? 0
            start = (time, picture.arrival)
            offset = picture.stamp.map { time - $0 }
            return time
        }
        if stamps == .absent { return start.time + ticks(picture.arrival - start.arrival) }
        if offset == nil {
            offset = picture.stamp.map { last + interval - $0 }
            return last + interval
        }
        let following = next.flatMap(plausible)
        // Room for a picture between the last one and the next, which therefore agree with each other.
        let room = following.flatMap { 2 * ($0 - last) >= 3 * interval ? last + ($0 - last) / 2 : nil }
        if let time = plausible(picture) {
            if let following, following < time, let room { return room }
            learn(time - last)
            return time
        }
        let expected = last + (stamps == .besideArrival && passed > Int64(ticksPerSecond) ? passed : interval)
        if let room { return min(expected, room) }
        if let following, picture.stamp == nil { return last + (following - last) / 2 }
        if let stamp = picture.stamp { offset = expected - stamp }
        return expected
    }

    /// The time that a picture's timestamp gives it, if it may follow the last one.
    private func plausible(_ picture: Arrived) -> Int64? {
        guard let stamp = picture.stamp, let offset, let last else { return nil }
        let time = stamp + offset
        guard time > last, time < 1 << 62 else { return nil }
        let slack = Int64(10 * ticksPerSecond)
        return stamps == .alone || time - last <= ticksPassed(until: picture.arrival) + slack ? time : nil
    }

    /// Ticks between the arrivals of the last settled picture and another.
    private func ticksPassed(until arrival: ContinuousClock.Instant) -> Int64 {
        lastArrival.map { ticks(arrival - $0) } ?? 0
    }

    private func ticks(_ duration: Duration) -> Int64 {
        Int64(min(max(duration / .seconds(1), 0) * ticksPerSecond, 1e15))
    }

    /// The usual interval is the median of the last ones.
    private mutating func learn(_ step: Int64) {
        steps.append(step)
        if steps.count > 9 { steps.removeFirst() }
        if steps.count >= 3 { interval = steps.sorted()[steps.count / 2] }
    }
}
