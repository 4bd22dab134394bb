internal import CFFmpeg
internal import TokenCore

/// Every packet of a stream in stored order, read once without decoding.
package struct PacketIndex {
    /// What is known about one packet.
    package struct Record {
        /// When its picture is shown, in ticks.
        package var pts: Int64
        /// When it is decoded, in ticks.
        package var dts: Int64 = 0
        /// Its offset in the input; negative where unknown.
        package var position: Int64 = 0
        /// The container marks it as a key frame.
        package var isKey = false
        /// Decoding can begin here, for pictures shown from here on.
        package var isEntry = false
        /// Its picture is decoded but not shown.
        package var isHidden = false

        /// A packet of which only the display time is known yet.
        package init(pts: Int64) { self.pts = pts }
    }

    private(set) var records: [Record] = []
    /// Whether every shown packet carries its display time.
    private(set) var isTimed = true
    /// Ticks that the frame shown last stays, 0 where unknown.
    private(set) var lastDuration: Int64 = 0
    /// Packets of pictures that nothing refers to may be left out.
    let canDropNonReference: Bool
    /// Every picture stands alone.
    let isIntraOnly: Bool

    /// Reads a stream to its end.
    init(
        scanning demuxer: Demuxer, parameters: AVCodecParameters, limits: Limits
    ) throws(TokenReelError) {
        var inspector = PacketInspector(parameters)
        let packet = try Packet()
        var latest = Int64.min
        while try demuxer.read(packet) {
            let fields = packet.pointer.pointee
            let finding = inspector.inspect(packet)
            let isHidden = finding.isHidden || fields.flags & AV_PKT_FLAG_DISCARD != 0
            guard records.count < limits.decodedFrames else {
                throw TokenReelError(
                    .limitExceeded, subject: "input", found: "more than \(limits.decodedFrames) frames",
                    allowed: "\(limits.decodedFrames) frames", remedy: "raise it with --max-frames")
            }
            var record = Record(pts: fields.pts)
            (record.dts, record.position) = (fields.dts, fields.pos)
            record.isKey = fields.flags & AV_PKT_FLAG_KEY != 0
            (record.isEntry, record.isHidden) = (finding.isEntry, isHidden)
            records.append(record)
            guard !isHidden else { continue }
            if fields.pts == cff_no_pts { isTimed = false }
            if fields.pts > latest {
                latest = fields.pts
                lastDuration = fields.duration
            }
        }
        canDropNonReference = inspector.canDropNonReference
        isIntraOnly = inspector.isIntraOnly
        if !inspector.trustsEntries {
            for place in records.indices { records[place].isEntry = false }
        }
    }

    /// Indices of shown packets in display order, one for each time.
    var displayOrder: [Int] {
        let shown = records.indices.filter { !records[$0].isHidden }
            .sorted { (records[$0].pts, $0) < (records[$1].pts, $1) }
        var distinct: [Int] = []
        distinct.reserveCapacity(shown.count)
        for index in shown where distinct.last.map({ records[$0].pts != records[index].pts }) ?? true {
            distinct.append(index)
        }
        return distinct
    }

    /// The record of a packet that was just read after a jump; searched outwards from where it should be.
    func find(_ packet: borrowing Packet, near expected: Int) -> Int? {
        let fields = packet.pointer.pointee
        func matches(_ index: Int) -> Bool {
            let record = records[index]
            return record.pts == fields.pts && record.dts == fields.dts && record.position == fields.pos
        }
        for distance in 0...max(expected, records.count - expected) {
            if expected - distance >= 0, matches(expected - distance) { return expected - distance }
            if distance > 0, expected + distance < records.count, matches(expected + distance) {
                return expected + distance
            }
        }
        return nil
    }
}
