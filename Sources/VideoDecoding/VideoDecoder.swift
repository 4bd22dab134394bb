internal import CFFmpeg
public import TokenCore

/// Decodes the wanted frames of one video, in display order, as upright full-range RGB.
///
/// Pull frames with ``next()`` until it returns nil. Calls block on the disk, pipe or network and on the codec, so make
/// them from a thread of their own; an instance belongs to one thread at a time.
///
/// A seekable input is scanned once without decoding; from the timestamps follow the wanted frames, and from those the
/// packets that must be decoded. What comes out is pixel for pixel what decoding everything would give. Damage is
/// skipped and counted in ``statistics``; an error is thrown only if not one frame could be decoded.
///
/// ```swift
/// var options = DecodeOptions()
/// options.sampling = .count(32)
/// let decoder = try VideoDecoder(.file("clip.mp4"), options: options)
/// while let frame = try decoder.next() { print(frame.pts.seconds) }
/// ```
public final class VideoDecoder {
    private enum Phase { case feeding, jumping, draining, ended }

    /// What the container says about the video.
    public let info: VideoInfo
    /// Frames that ``next()`` will return: exact for files with sound timestamps, otherwise estimated from the claimed
    /// duration; nil where nothing is known.
    public let expectedFrames: Int?
    /// Which of the stream's frames ``next()`` will return, counted from 0 in display order; nil where that shows only
    /// on the way.
    public var frameIndices: [Int]? { plan.frameIndices }
    /// Frames that ``next()`` will return per second of the range that they are taken from; nil where unknown.
    public var sampledRate: Double? { plan.sampledRate }

    private let name: String
    private let limits: Limits
    private let watch: Watch
    private let plan: DecodePlan
    private let converter: PictureConverter
    private let packet: Packet
    private let picture: Picture
    private var phase = Phase.feeding
    private var counts = DecodeStatistics()
    private var lastSize: (width: Int32, height: Int32)?

    /// Opens a video and plans its decoding.
    ///
    /// - Throws: ``TokenReelError`` with code `unreadableInput` (empty, text, cut off before the first frame),
    ///   `unsupportedInput` (no video, or a container or codec that is not on the lists of ``VideoFormats``),
    ///   `limitExceeded`, `inputOutput`, `cancelled`, or `invalidArgument` for options that make no sense.
    public init(_ source: VideoSource, options: DecodeOptions = DecodeOptions()) throws(TokenReelError) {
        try options.validate()
        name = source.name
        limits = options.limits
        let watch = Watch(limits: options.limits, cancellation: options.cancellation)
        self.watch = watch
        watch.enter()
        defer { watch.leave() }
        do throws(TokenReelError) {
            plan = try DecodePlan(source, options: options, watch: watch)
            packet = try Packet()
            picture = try Picture()
        } catch {
            throw error.about(source.name)
        }
        info = plan.info
        expectedFrames = plan.expectedFrames
        converter = PictureConverter(size: options.size, orientation: plan.orientation, limits: options.limits)
        counts.strategy = plan.strategy
        for notice in plan.notices { counts.note(notice) }
    }

    /// What decoding took so far.
    public var statistics: DecodeStatistics {
        var result = counts
        result.decodeErrors = plan.decoder.errors + plan.feeder.readErrors
        result.seeks = plan.feeder.seeks
        if plan.chooser.missing > 0 {
            result.note("\(plan.chooser.missing) wanted frames could not be decoded; the next good ones stand in")
        }
        if plan.feeder.clockRestarts > 0 {
            result.note("the clock starts anew \(plan.feeder.clockRestarts) times; times run on from the part before")
        }
        if plan.chooser.backwards > 0 {
            result.note("\(plan.chooser.backwards) frames with times that run backwards were left out")
        }
        return result
    }

    /// Decodes up to the next wanted frame; nil when there are no more.
    ///
    /// - Throws: ``TokenReelError`` as the initialiser does; `unreadableInput` at the end of an input of which no frame
    ///   could be decoded.
    public func next() throws(TokenReelError) -> VideoFrame? {
        watch.enter()
        defer { watch.leave() }
        do throws(TokenReelError) {
            guard try findNext() else { return nil }
            counts.framesReturned += 1
            guard counts.framesReturned <= limits.sampledFrames else {
                throw DecodePlan.tooMany(counts.framesReturned, limits)
            }
            let pts = MediaTime(ticks: plan.chooser.chosenTime, timeBase: plan.timeBase)
            note(plan.chooser.chosen, at: pts)
            return try converter.convert(plan.chooser.chosen, aspect: plan.aspect, pts: pts)
        } catch {
            throw error.about(name)
        }
    }

    /// Goes on until the chooser holds a wanted picture; false at the end.
    private func findNext() throws(TokenReelError) -> Bool {
        while phase != .ended, !plan.chooser.isDone {
            switch plan.decoder.receive(picture) {
            case .picture:
                counts.framesDecoded += 1
                guard counts.framesDecoded <= limits.decodedFrames else {
                    throw TokenReelError(
                        .limitExceeded, subject: "input", found: "more than \(limits.decodedFrames) frames",
                        allowed: "\(limits.decodedFrames) frames", remedy: "raise it with --max-frames")
                }
                if plan.chooser.offer(picture) { return true }
            case .hungry:
                try feed()
            case .ended where phase == .jumping:
                plan.decoder.restart()
                phase = .feeding
            case .ended:
                phase = .ended
                if plan.chooser.finish() { return true }
            }
        }
        phase = .ended
        if counts.framesDecoded == 0, counts.packetsRead > 0 || plan.expectedFrames != 0 {
            throw TokenReelError(
                .unreadableInput, subject: "input",
                found: "\(info.codec) video of which no frame could be decoded; \(counts.packetsRead) packets, "
                    + "\(plan.decoder.errors) errors" + (plan.feeder.lastReadError.map { ", \($0)" } ?? ""),
                allowed: "sound frames of at most \(limits.pixelsPerFrame) pixels")
        }
        return false
    }

    private func feed() throws(TokenReelError) {
        if watch.mustStop(), let failure = watch.failure { throw failure }
        switch try plan.feeder.next(packet) {
        case .packet(let droppable):
            counts.packetsRead += 1
            if packet.pointer.pointee.flags & AV_PKT_FLAG_KEY != 0 {
                plan.chooser.noteKeyFrame(at: packet.pointer.pointee.pts)
            }
            plan.decoder.send(packet, droppingNonReference: droppable)
        case .jump:
            plan.decoder.finish()
            phase = .jumping
        case .end:
            plan.decoder.finish()
            phase = .draining
        }
    }

    private func note(_ picture: borrowing Picture, at pts: MediaTime) {
        let fields = picture.pointer.pointee
        if cff_frame_is_interlaced(picture.pointer) != 0 {
            counts.note("interlaced material: each frame is rebuilt from its first field")
        }
        if let lastSize, lastSize != (fields.width, fields.height) {
            counts.note(
                "the resolution changes at \(pts.seconds) s from \(lastSize.width) x \(lastSize.height) to "
                    + "\(fields.width) x \(fields.height)")
        }
        lastSize = (fields.width, fields.height)
    }
}
