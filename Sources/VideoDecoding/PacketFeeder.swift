internal import CFFmpeg
internal import TokenCore

/// Brings the decoder its packets: all of them, or the runs of a schedule with jumps between.
final class PacketFeeder {
    /// What to do next.
    enum Step {
        /// Decode the packet; as a non-reference picture it may be dropped where the flag says so.
        case packet(droppable: Bool)
        /// Take out everything and restart the decoder: the next packets do not continue the last ones.
        case jump
        /// No packets are left.
        case end
    }

    private var demuxer: Demuxer
    private let reopen: () throws(TokenReelError) -> Demuxer
    private let index: PacketIndex?
    private let schedule: DecodeSchedule?
    private let seekDistance: Int64
    private let dropsNonReference: Bool
    private var run = 0
    /// The place in stored order of the packet that the demuxer gives next.
    private var cursor = 0
    /// The packet at `cursor` was already read, to see where a jump landed.
    private var isLoaded = false
    /// Packets shown before this time need pictures from before the entry; nil where nothing was left out.
    private var entryTime: Int64?
    private var hasFed = false
    private var earlierReadErrors = 0
    /// Jumps made in the input.
    private(set) var seeks = 0

    /// Feeds every packet as it comes.
    init(streaming demuxer: Demuxer) {
        self.demuxer = demuxer
        reopen = { () throws(TokenReelError) in demuxer }
        index = nil
        schedule = nil
        seekDistance = .max
        dropsNonReference = false
    }

    /// Feeds the runs of a schedule made for `index`.
    ///
    /// `demuxer` stands at its end, where the scan left it.
    init(
        _ demuxer: Demuxer, index: PacketIndex, schedule: DecodeSchedule, dropsNonReference: Bool, seekDistance: Int64,
        reopen: @escaping () throws(TokenReelError) -> Demuxer
    ) {
        self.demuxer = demuxer
        self.index = index
        self.schedule = schedule
        self.dropsNonReference = dropsNonReference
        self.seekDistance = seekDistance
        self.reopen = reopen
        cursor = index.records.count
    }

    /// Reads that failed on the way.
    var readErrors: Int { earlierReadErrors + demuxer.readErrors }

    /// What ended the last failed read, in FFmpeg's words.
    var lastReadError: String? { demuxer.lastReadError }

    /// Times that the container's clock started anew.
    var clockRestarts: Int { demuxer.clockRestarts }

    /// Loads the next packet that the decoder must see.
    func next(_ packet: borrowing Packet) throws(TokenReelError) -> Step {
        guard let index, let schedule else {
            return try demuxer.read(packet) ? .packet(droppable: false) : .end
        }
        while run < schedule.runs.count {
            let range = schedule.runs[run]
            if cursor != range.lowerBound, !range.contains(cursor) {
                if hasFed, !index.isIntraOnly {
                    hasFed = false
                    return .jump
                }
                guard try advance(to: range.lowerBound, packet, index) else { return .end }
                entryTime = range.lowerBound > 0 && !index.isIntraOnly ? index.records[range.lowerBound].pts : nil
            }
            guard try load(packet) else { return .end }
            let place = cursor
            cursor += 1
            if cursor == range.upperBound { run += 1 }
            let pts = index.records[place].pts
            if let entryTime, pts != cff_no_pts, pts < entryTime { continue }
            hasFed = true
            return .packet(droppable: dropsNonReference && !schedule.isWanted[place])
        }
        return .end
    }

    /// Brings the demuxer to the packet at `place`, by reading on where that is near and by a jump otherwise.
    private func advance(to place: Int, _ packet: borrowing Packet, _ index: PacketIndex) throws(TokenReelError) -> Bool
    {
        let target = index.records[place]
        var isNear = false
        if cursor <= place, cursor < index.records.count {
            let distance = target.position.subtractingReportingOverflow(index.records[cursor].position)
            isNear = index.records[cursor].position >= 0 && !distance.overflow && distance.partialValue <= seekDistance
        }
        var isReachable = isNear
        if !isNear { isReachable = try jump(to: place, packet, index) }
        if !isReachable {
            // The container can't be searched; start over and read up to the place.
            earlierReadErrors += demuxer.readErrors
            demuxer = try reopen()
            seeks += 1
            (cursor, isLoaded) = (0, false)
        }
        while cursor < place {
            guard try load(packet) else { return false }
            cursor += 1
        }
        return true
    }

    /// Makes `packet` the one at `cursor`; false at the end.
    private func load(_ packet: borrowing Packet) throws(TokenReelError) -> Bool {
        if isLoaded {
            isLoaded = false
            return true
        }
        return try demuxer.read(packet)
    }

    /// Jumps to a packet at or before `place`; false if that can't be done or can't be verified.
    private func jump(to place: Int, _ packet: borrowing Packet, _ index: PacketIndex) throws(TokenReelError) -> Bool {
        let target = index.records[place]
        // Containers index their key frames by either time; the lower one lands early at worst.
        for time in [target.pts, target.dts] where time != cff_no_pts {
            guard try demuxer.seek(to: time) else { continue }
            seeks += 1
            guard try demuxer.read(packet), let found = index.find(packet, near: place), found <= place else {
                continue
            }
            (cursor, isLoaded) = (found, true)
            return true
        }
        return false
    }
}
