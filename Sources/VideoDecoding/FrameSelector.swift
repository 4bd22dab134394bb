internal import TokenCore

/// Chooses frames by their times alone, one after another in display order, so that a pipe and a seekable file give
/// the same ones.
///
/// A frame is on screen from its own time to the next frame's. `.rate`, `.count` and `.times` take the frame on screen at
/// each of their target times, which ascend; a frame that serves several targets is taken once.
package struct FrameSelector {
    private enum Targets {
        case everyFrame
        case keyFrames
        case times(spacing: Double, first: Double, count: Int)
        case listed([Double])
    }

    private let targets: Targets
    private let start: Double
    private let end: Double
    /// Slack for timestamps that a container rounded to its ticks, in seconds.
    private let slack: Double
    private let secondsPerTick: Double
    private var origin: Int64?
    private var target = 0

    /// Sets up for one pass.
    ///
    /// `span` is the time in seconds from the first frame to the end of the video, which only `.count` needs.
    package init(_ sampling: FrameSampling, start: Double?, end: Double?, secondsPerTick: Double, span: Double?) {
        let (start, end) = (start ?? 0, end ?? .infinity)
        (self.start, self.end) = (start, end)
        self.secondsPerTick = secondsPerTick
        slack = min(secondsPerTick / 2, 0.001)
        switch sampling {
        case .all: targets = .everyFrame
        case .keyframes: targets = .keyFrames
        case .rate(let rate): targets = .times(spacing: 1 / rate, first: start, count: .max)
        case .count(let count): targets = Self.middles(count, from: start, to: min(end, span ?? 0))
        case .spread(let spread):
            // Indices are chosen from a list of frames; where there is none, times have to do.
            targets =
                spread.count.map { Self.middles($0, from: start, to: min(end, span ?? 0)) }
                ?? .times(spacing: 1 / (spread.rate ?? 1), first: start, count: .max)
        case .times(let times): targets = .listed(times)
        }
    }

    /// The middles of equal parts of a range.
    private static func middles(_ count: Int, from start: Double, to end: Double) -> Targets {
        let spacing = max(end - start, 0) / Double(count)
        return .times(spacing: spacing, first: start + spacing / 2, count: count)
    }

    /// Seconds of a timestamp after the first frame.
    func seconds(_ pts: Int64) -> Double {
        let (ticks, overflow) = pts.subtractingReportingOverflow(origin ?? pts)
        return (overflow ? Double(pts) - Double(origin ?? pts) : Double(ticks)) * secondsPerTick
    }

    /// Whether no later frame can be wanted once a frame at `pts` is on screen.
    package func isPast(_ pts: Int64) -> Bool {
        if origin != nil, seconds(pts) >= end { return true }
        return switch targets {
        case .everyFrame, .keyFrames: false
        case .times(_, _, let count): target >= count
        case .listed(let times): target >= times.count
        }
    }

    /// Whether the frame at `pts` is wanted, given the time of the frame that follows it.
    ///
    /// Frames come in display order. After the last one, `next` is nil and `duration` in ticks tells how long it stays.
    package mutating func wants(_ pts: Int64, isKey: Bool, next: Int64?, duration: Int64 = 0) -> Bool {
        if origin == nil { origin = pts }
        let time = seconds(pts)
        switch targets {
        case .everyFrame: return time >= start - slack && time < end
        case .keyFrames: return isKey && time >= start - slack && time < end
        case .times(let spacing, let first, let count):
            let until = lastMoment(of: time, next: next, duration: duration)
            let moment = first + Double(target) * spacing
            guard target < count, moment < end, moment < until else { return false }
            target = min(Self.firstTarget(atOrAfter: until, first: first, spacing: spacing), count)
            return true
        case .listed(let times):
            // The list is on the stream's clock, on which the first frame need not be at 0.
            let until = lastMoment(of: time, next: next, duration: duration) + Double(origin ?? 0) * secondsPerTick
            guard target < times.count, times[target] < until else { return false }
            target = times[target...].firstIndex { $0 >= until } ?? times.count
            return time >= start - slack && time < end
        }
    }

    /// The first moment that a frame shown from `time` no longer serves.
    private func lastMoment(of time: Double, next: Int64?, duration: Int64) -> Double {
        if let next { return seconds(next) - slack }
        return max(time + 2 * slack, time + Double(max(duration, 0)) * secondsPerTick - slack)
    }

    /// The smallest k with `first + k * spacing >= moment`.
    private static func firstTarget(atOrAfter moment: Double, first: Double, spacing: Double) -> Int {
        guard spacing > 0 else { return .max }
        let estimate = ((moment - first) / spacing).rounded(.up)
        guard estimate < 1e15 else { return .max }
        var target = max(Int(estimate), 0)
        // Division and multiplication round differently; settle the last step by the sum that decides.
        while target > 0, first + Double(target - 1) * spacing >= moment { target -= 1 }
        while first + Double(target) * spacing < moment { target += 1 }
        return target
    }
}

extension FrameSelector {
    /// The wanted ones among all frames, as ascending indices into `times`.
    ///
    /// `times` are the distinct display times in ascending order and `duration` is the last one's. Here `.count` gives
    /// as many frames as it says wherever the range holds that many: targets that share a frame move to neighbours.
    package static func choose(
        _ sampling: FrameSampling, start: Double?, end: Double?, times: [Int64], isKey: (Int) -> Bool, duration: Int64,
        secondsPerTick: Double, frameRate: Double? = nil
    ) -> [Int] {
        guard let first = times.first, let last = times.last else { return [] }
        let span = (Double(last) - Double(first) + Double(max(duration, 0))) * secondsPerTick
        if case .spread(let spread) = sampling {
            let available = choose(
                .all, start: start, end: end, times: times, isKey: isKey, duration: duration,
                secondsPerTick: secondsPerTick)
            let rate = frameRate ?? Double(times.count) / max(span, secondsPerTick)
            return spread.indices(of: available.count, rate: rate).map { available[$0] }
        }
        var selector = FrameSelector(sampling, start: start, end: end, secondsPerTick: secondsPerTick, span: span)
        guard case .count(let count) = sampling else {
            return times.indices.filter { index in
                selector.wants(
                    times[index], isKey: isKey(index), next: index + 1 < times.count ? times[index + 1] : nil,
                    duration: duration)
            }
        }
        selector.origin = first
        let begin = selector.start
        let stop = min(selector.end, span)
        // From the frame on screen at the start to the last one that begins before the end.
        let lower = times.lastIndex { selector.seconds($0) <= begin + selector.slack } ?? 0
        let upper = (times.firstIndex { selector.seconds($0) >= selector.end } ?? times.count)
        let available = upper - lower
        guard available > 0, begin < max(stop, .leastNonzeroMagnitude) || begin == 0 else { return [] }
        if count >= available { return Array(lower..<upper) }
        var chosen: [Int] = []
        chosen.reserveCapacity(count)
        var index = lower
        for part in 0..<count {
            let moment = begin + (Double(part) + 0.5) * (stop - begin) / Double(count)
            while index + 1 < upper, selector.seconds(times[index + 1]) <= moment + selector.slack { index += 1 }
            chosen.append(max(index, (chosen.last ?? lower - 1) + 1))
        }
        var ceiling = upper - 1
        for part in chosen.indices.reversed() {
            chosen[part] = min(chosen[part], ceiling)
            ceiling = chosen[part] - 1
        }
        return chosen
    }
}
