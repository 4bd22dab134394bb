internal import CFFmpeg
internal import TokenCore

/// A source while it delivers: from its opening to the error or end that makes a new one necessary.
final class LiveConnection {
    let info: VideoInfo
    let orientation: Orientation
    let aspect: AVRational
    /// The unit of the times given here: the container's own for a pipe or file, else one that fits every connection.
    let timeBase: Rational
    /// What the timestamps are worth.
    let stamps: LiveClock.Stamps
    /// The nominal ticks between pictures, as the container claims.
    private let claimedInterval: Int64
    /// The container's unit.
    private let tick: Rational
    private let demuxer: Demuxer
    private let decoder: PictureDecoder
    private let packet: Packet
    /// When the packets arrived whose pictures are still in the decoder.
    private var arrivals: [(pts: Int64, arrival: ContinuousClock.Instant)] = []
    private var bearsTimes = false
    /// Bytes of the stream's packets that ``takeBytes()`` has not told yet.
    private var bytesRead: Int64 = 0
    /// Packets since the last picture.
    private(set) var packetsWithoutPicture = 0

    /// Opens a source.
    init(_ source: LiveSource, limits: Limits, watch: Watch) throws(TokenReelError) {
        if let input = source.input {
            demuxer = try Demuxer(input, stream: nil, limits: limits, watch: watch)
        } else {
            let source: VideoSource = source.kind == .pipe ? .standardInput : .file(source.location)
            demuxer = try Demuxer(
                ByteSource(source, limits: limits, watch: watch, spooling: false),
                containers: LiveSource.byteContainers, stream: nil, limits: limits, watch: watch, keepsTimes: true)
        }
        // One thread: each more delays every picture by one, and sources may share the machine.
        let facts = try demuxer.withStream { context, stream throws(TokenReelError) in
            try StreamFacts(context, stream, threads: 1, limits: limits)
        }
        info = facts.info
        orientation = facts.orientation
        aspect = facts.aspect
        tick = facts.tick
        timeBase = source.isLossless ? facts.tick : Self.commonUnit
        stamps = source.isLossless ? .alone : demuxer.isUntimed ? .absent : .besideArrival
        decoder = facts.decoder
        packet = try Packet()
        claimedInterval = Self.rescale(facts.interval, from: facts.tick, to: timeBase)
    }

    /// The nominal ticks between pictures, once one is decoded.
    ///
    /// The codec knows better than the container, whose claim may follow from few timestamps; but where there are no
    /// timestamps, the claim alone decides, as in a file.
    var interval: Int64 {
        guard !demuxer.isUntimed, let rate = decoder.frameRate else { return claimedInterval }
        return max(Int64((1 / (rate * timeBase.value)).rounded()), 1)
    }

    /// The unit of times over several connections: that of MPEG and RTP.
    private static let commonUnit = Rational(1, 90000) ?? .one

    private static func rescale(_ ticks: Int64, from: Rational, to: Rational) -> Int64 {
        from == to
            ? ticks
            : av_rescale_q(
                ticks, AVRational(num: from.numerator, den: from.denominator),
                AVRational(num: to.numerator, den: to.denominator))
    }

    deinit {
        // A camera's packets and pictures lie in memory of its own, which goes away with it.
        packet.clear()
        decoder.restart()
    }

    /// Decodes the next picture; false at the end.
    func next(_ picture: borrowing Picture) throws(TokenReelError) -> Bool {
        while true {
            switch decoder.receive(picture) {
            case .picture:
                packetsWithoutPicture = 0
                return true
            case .ended:
                return false
            case .hungry:
                guard try demuxer.read(packet) else {
                    decoder.finish()
                    continue
                }
                packetsWithoutPicture += 1
                bytesRead += Int64(packet.pointer.pointee.size)
                arrivals.append((packet.pointer.pointee.pts, .now))
                if arrivals.count > 64 { arrivals.removeFirst() }
                decoder.send(packet, droppingNonReference: false)
            }
        }
    }

    /// Makes ``next(_:)`` give the pictures that are still in the decoder, and no others.
    func finish() { decoder.finish() }

    /// Why the source gave no more; nil at an orderly end.
    var failure: (code: Int32, text: String)? {
        demuxer.failure.map { ($0, describe($0)) }
    }

    /// Bytes of the stream's packets since the last call.
    func takeBytes() -> Int64 {
        defer { bytesRead = 0 }
        return bytesRead
    }

    /// When the picture's packet arrived.
    func arrival(of picture: borrowing Picture) -> ContinuousClock.Instant {
        let pts = picture.pointer.pointee.pts
        return pts == cff_no_pts ? .now : arrivals.last { $0.pts == pts }?.arrival ?? .now
    }

    /// The picture's own timestamp; nil where it has none.
    ///
    /// Containers that store only decoding times, as AVI does, give none at all; there FFmpeg's guess has to do.
    func stamp(of picture: borrowing Picture) -> Int64? {
        let fields = picture.pointer.pointee
        if fields.pts != cff_no_pts { bearsTimes = true }
        let stamp = bearsTimes ? fields.pts : fields.best_effort_timestamp
        return stamp == cff_no_pts ? nil : Self.rescale(stamp, from: tick, to: timeBase)
    }

    /// How long the picture claims to be shown, 0 where it claims nothing.
    func duration(of picture: borrowing Picture) -> Int64 {
        Self.rescale(cff_frame_duration(picture.pointer), from: tick, to: timeBase)
    }
}
