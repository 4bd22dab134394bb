/// Gives the pictures of a live source times that count from the first one and strictly increase, whatever their
/// timestamps do.
///
/// Pictures come in display order, one ahead of the one whose time is settled, because a timestamp between two
/// neighbours that agree is often the one that is wrong:
/// - sound timestamps keep their distances;
/// - one that is missing, doubled or out of line takes a place between its neighbours;
/// - where the clock jumps back and stays there, times run on by the usual interval;
/// - a jump ahead is believed where time could have passed unseen (pipes and files), and otherwise only as far as the
///   pictures' arrival agrees;
/// - a clock that returns from where it jumped to is believed again;
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

    private let ticksPerSecond: Int64
    private var stamps = Stamps.alone
    /// When the first picture of all arrived.
    private var origin: ContinuousClock.Instant?
    /// The time of the last settled picture.
    package private(set) var last: Int64?
    private var lastArrival: ContinuousClock.Instant?
    /// The picture that waits for the next one.
    private var held: Arrived?
    /// The first picture of the connection; nil until it is settled.
    private var start: (time: Int64, arrival: ContinuousClock.Instant)?
    /// What makes a time of a timestamp; nil until a connection has brought one.
    private var offset: Int64?
    /// The same before the clock went astray.
    private var soundOffset: Int64?
    /// Pictures in a row that kept the offset.
    private var kept = 0
    /// The latest timestamp, and pictures since then.
    private var lastStamp: Int64?
    private var sinceStamp: Int64 = 0
    /// The usual ticks between pictures, and the last ones of which it is the median.
    private var interval: Int64 = 1
    private var steps: [Int64] = []

    package init(ticksPerSecond: Int64) { self.ticksPerSecond = max(ticksPerSecond, 1) }

    /// Begins a connection whose pictures are nominally `interval` ticks apart.
    package mutating func connect(_ stamps: Stamps, interval: Int64) {
        self.stamps = stamps
        self.interval = max(interval, 1)
        (start, offset, soundOffset, kept) = (nil, nil, nil, 0)
        (lastStamp, sinceStamp, steps) = (nil, 0, [])
    }

    /// Takes note of the next picture; tells the time of the one before, and that of this one as it looks for now.
    package mutating func advance(
        to stamp: Int64?, arrival: ContinuousClock.Instant
    ) -> (settled: Int64, next: Int64)? {
        // Beyond this a sum of two could leave 64 bits.
        let bounds: ClosedRange<Int64> = -1 << 60...1 << 60
        let picture: Arrived = (stamp.flatMap { bounds.contains($0) ? $0 : nil }, arrival)
        defer { held = picture }
        guard let held else { return nil }
        let time = settle(held, before: picture)
        return (time, plausible(picture) ?? time + interval)
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
        sinceStamp += 1
        if let stamp = picture.stamp { (lastStamp, sinceStamp) = (stamp, 0) }
        return time
    }

    private mutating func choose(_ picture: Arrived, before next: Arrived?) -> Int64 {
        guard let last, start != nil else { return begin(picture) }
        if stamps != .absent, offset == nil {
            offset = picture.stamp.map { last + interval - $0 }
            return last + interval
        }
        learn(from: picture)
        let expected = last + interval
        if let stamp = picture.stamp, let soundOffset, abs(stamp + soundOffset - expected) <= interval / 2 {
            (offset, self.soundOffset) = (soundOffset, nil)
        }
        let following = next.flatMap(plausible)
        // Room for a picture between the last one and the next, which therefore agree with each other.
        let room = following.flatMap { 2 * ($0 - last) >= 3 * interval ? last + ($0 - last) / 2 : nil }
        if let time = plausible(picture) {
            if let following, following < time, let room { return room }
            kept += 1
            return time
        }
        if let room { return min(expected, room) }
        guard let stamp = picture.stamp else { return following.map { last + ($0 - last) / 2 } ?? expected }
        // Pictures without timestamps may have been given too much time; the clock itself is sound.
        if let lastStamp, stamp > lastStamp, sinceStamp > 0, let offset, stamp + offset <= last { return last + 1 }
        // The clock is another one from here on. If nothing came for a while, that while has passed.
        let passed = ticksPassed(until: picture.arrival)
        let time = stamps == .besideArrival && passed > ticksPerSecond ? last + passed : expected
        if kept >= 3 { soundOffset = offset }
        (offset, kept) = (time - stamp, 0)
        return time
    }

    /// Gives the first picture of all or of a connection its time.
    private mutating func begin(_ picture: Arrived) -> Int64 {
        var time: Int64 = 0
        if let last, let lastArrival, let origin {
            // What is asked of a source before it delivers delays its first pictures, so that their times run ahead of
            // the wall's by a little. That may not add up over many connections.
            let ahead = min(max(last - ticks(lastArrival - origin), 0), ticksPerSecond)
            time = last + max(stamps == .alone ? 0 : ticksPassed(until: picture.arrival) - ahead, interval)
        } else {
            origin = picture.arrival
        }
        start = (time, picture.arrival)
        offset = picture.stamp.map { time - $0 }
        return time
    }

    /// The time that a picture's timestamp gives it, if it may follow the last one.
    private func plausible(_ picture: Arrived) -> Int64? {
        if stamps == .absent, let start { return start.time + ticks(picture.arrival - start.arrival) }
        guard let stamp = picture.stamp, let offset, let last else { return nil }
        let time = stamp + offset
        guard time > last, time < 1 << 62 else { return nil }
        return stamps == .alone || time - last <= ticksPassed(until: picture.arrival) + 10 * ticksPerSecond ? time : nil
    }

    /// Ticks between the arrivals of the last settled picture and another.
    private func ticksPassed(until arrival: ContinuousClock.Instant) -> Int64 {
        lastArrival.map { ticks(arrival - $0) } ?? 0
    }

    private func ticks(_ duration: Duration) -> Int64 {
        Int64(min(max(duration / .seconds(1), 0) * Double(ticksPerSecond), 1e15).rounded())
    }

    /// Takes note of the distance from one timestamp to the next.
    private mutating func learn(from picture: Arrived) {
        guard let stamp = picture.stamp, let lastStamp, stamp > lastStamp else { return }
        steps.append(min((stamp - lastStamp) / (sinceStamp + 1), 10 * ticksPerSecond))
        if steps.count > 9 { steps.removeFirst() }
        if steps.count >= 3 { interval = max(steps.sorted()[steps.count / 2], 1) }
    }
}
