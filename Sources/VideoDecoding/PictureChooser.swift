internal import CFFmpeg
internal import TokenCore

/// Keeps the wanted ones of the pictures that come out of the decoder in display order.
final class PictureChooser {
    private enum Mode {
        /// The display times are known, ascending.
        case planned([Int64], next: Int)
        /// Decided one picture late, when the next one's time is known.
        case online(FrameSelector)
    }

    private var mode: Mode
    private var clock: FrameClock
    /// The latest picture of an online choice, on screen until the next one comes.
    private let held: Picture
    private var heldTime: Int64?
    private var heldIsKey = false
    private var heldDuration: Int64 = 0
    /// Times of key frames on their way through the decoder.
    private var keyTimes: Set<Int64> = []
    /// The chosen picture, after ``offer(_:)`` or ``finish()`` returned true.
    let chosen: Picture
    /// When the chosen picture is shown, in ticks.
    private(set) var chosenTime: Int64 = 0
    /// Wanted pictures that never came out.
    private(set) var missing = 0
    /// Pictures that came out at or before the time of an earlier one.
    private(set) var backwards = 0

    /// Waits for the pictures at known times.
    init(planned times: [Int64]) throws(TokenReelError) {
        mode = .planned(times, next: 0)
        clock = FrameClock(interval: 1)
        held = try Picture()
        chosen = try Picture()
    }

    /// Decides as pictures come.
    init(online selector: FrameSelector, clock: FrameClock) throws(TokenReelError) {
        mode = .online(selector)
        self.clock = clock
        held = try Picture()
        chosen = try Picture()
    }

    /// Whether nothing that follows can be wanted.
    var isDone: Bool {
        switch mode {
        case .planned(let times, let next): next == times.count
        case .online(let selector): heldTime.map(selector.isPast) ?? false
        }
    }

    /// Remembers which times the container marks as key frames; pictures themselves may claim otherwise.
    func noteKeyFrame(at pts: Int64) {
        if case .online = mode, keyTimes.count < 4096 { keyTimes.insert(pts) }
    }

    /// Takes note of the next picture; true if ``chosen`` now holds a wanted one.
    func offer(_ picture: borrowing Picture) -> Bool {
        let time = clock.time(of: picture)
        switch mode {
        case .planned(let times, var next):
            guard next < times.count, time >= times[next] else { return false }
            // A later picture stands in for one that was lost, unless it is wanted itself.
            let first = next
            while next + 1 < times.count, times[next + 1] <= time { next += 1 }
            missing += next - first + (times[next] == time ? 0 : 1)
            mode = .planned(times, next: next + 1)
            choose(picture, time)
            return true
        case .online(var selector):
            if let heldTime, time <= heldTime {
                backwards += 1
                return false
            }
            var isWanted = false
            if let heldTime {
                isWanted = selector.wants(heldTime, isKey: heldIsKey, next: time)
                mode = .online(selector)
                if isWanted { choose(held, heldTime) }
            }
            held.take(picture)
            heldTime = time
            heldDuration = cff_frame_duration(held.pointer)
            let isUnstamped = held.pointer.pointee.pts == cff_no_pts
            heldIsKey = keyTimes.remove(time) != nil || isUnstamped && cff_frame_is_key(held.pointer) != 0
            return isWanted
        }
    }

    /// Decides about the last picture; true if ``chosen`` now holds it.
    func finish() -> Bool {
        guard case .online(var selector) = mode, let last = heldTime else { return false }
        heldTime = nil
        guard selector.wants(last, isKey: heldIsKey, next: nil, duration: heldDuration) else { return false }
        choose(held, last)
        return true
    }

    private func choose(_ picture: borrowing Picture, _ time: Int64) {
        chosen.take(picture)
        chosenTime = time
    }
}

/// Gives every picture a time, also where the container gives none: then one nominal interval after the one before.
struct FrameClock {
    /// Ticks between frames, at least 1.
    let interval: Int64
    private var last: Int64?

    init(interval: Int64) { self.interval = interval }

    mutating func time(of picture: borrowing Picture) -> Int64 {
        let fields = picture.pointer.pointee
        var time = last.map { $0.addingReportingOverflow(interval).partialValue } ?? 0
        if fields.pts != cff_no_pts {
            time = fields.pts
        } else if fields.best_effort_timestamp != cff_no_pts {
            time = fields.best_effort_timestamp
        }
        last = time
        return time
    }
}
