internal import CFFmpeg

/// Makes the timestamps of joined recordings run on.
///
/// Transport streams and their kin may be cut and joined anywhere; each part then brings its own clock. Where decoding
/// times fall back by more than a second, all that follows is shifted to begin where the part before ended.
struct Timeline {
    /// Ticks that decoding times may fall back without a restart; nil where the container's clock is sound.
    private let tolerance: Int64?
    private var last: Int64?
    private var lastStep: Int64 = 1
    private var shift: Int64 = 0
    /// Parts that began anew.
    private(set) var restarts = 0

    /// Leaves all timestamps as they are.
    init() { tolerance = nil }

    /// Watches for restarts, in a stream whose ticks are `timeBase` seconds long.
    init(restartsBelow timeBase: AVRational) {
        tolerance = timeBase.num > 0 ? max(Int64(timeBase.den) / Int64(timeBase.num), 1) : nil
    }

    /// Shifts the times of a packet; packets come in stored order.
    mutating func straighten(_ packet: borrowing Packet) {
        guard let tolerance else { return }
        let fields = packet.pointer.pointee
        let stamp = fields.dts != cff_no_pts ? fields.dts : fields.pts
        guard stamp != cff_no_pts else { return }
        var time = stamp.addingReportingOverflow(shift).partialValue
        if let last, time < last.subtractingReportingOverflow(tolerance).partialValue {
            shift = last.addingReportingOverflow(lastStep).partialValue.subtractingReportingOverflow(stamp).partialValue
            time = stamp.addingReportingOverflow(shift).partialValue
            restarts += 1
        }
        if let last, time > last { lastStep = min(time - last, tolerance) }
        last = time
        guard shift != 0 else { return }
        if fields.dts != cff_no_pts {
            packet.pointer.pointee.dts = fields.dts.addingReportingOverflow(shift).partialValue
        }
        if fields.pts != cff_no_pts {
            packet.pointer.pointee.pts = fields.pts.addingReportingOverflow(shift).partialValue
        }
    }
}
