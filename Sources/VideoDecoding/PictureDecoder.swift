internal import CFFmpeg
internal import TokenCore

/// The codec: packets in stored order go in, pictures in display order come out, some calls later.
final class PictureDecoder {
    private var context: UnsafeMutablePointer<AVCodecContext>?
    /// Packets and pictures that failed.
    private(set) var errors = 0

    /// What came of a request for a picture.
    enum Outcome {
        case picture
        /// More packets are needed.
        case hungry
        /// Everything is out, after ``finish()``.
        case ended
    }

    /// Opens the decoder of a stream.
    init(_ stream: UnsafePointer<AVStream>, threads: Int, limits: Limits) throws(TokenReelError) {
        let parameters = stream.pointee.codecpar.pointee
        let name = String(cString: avcodec_get_name(parameters.codec_id))
        guard let codec = Self.decoder(for: parameters.codec_id) else {
            throw TokenReelError(
                .unsupportedInput, subject: "input", found: "video in the codec \(name)",
                allowed: VideoFormats.codecs.joined(separator: ", "))
        }
        try Self.check(Int(parameters.width), Int(parameters.height), limits)
        context = avcodec_alloc_context3(codec)
        guard let context, avcodec_parameters_to_context(context, stream.pointee.codecpar) >= 0 else {
            throw outOfMemory
        }
        context.pointee.pkt_timebase = stream.pointee.time_base
        context.pointee.max_pixels = Int64(limits.pixelsPerFrame)
        // A few more threads than cores keep the cores busy while the caller's thread converts a picture.
        context.pointee.thread_count = Int32(threads > 0 ? min(threads, 64) : min(Int(av_cpu_count()) + 2, 16))
        guard avcodec_open2(context, codec, nil) >= 0 else {
            throw TokenReelError(.unreadableInput, subject: "input", found: "\(name) video with broken headers")
        }
    }

    deinit { avcodec_free_context(&context) }

    /// Pictures a second, as the codec's own headers say; nil where they say nothing.
    var frameRate: Double? {
        guard let rate = context?.pointee.framerate, rate.num > 0, rate.den > 0 else { return nil }
        return (1...1000).contains(av_q2d(rate)) ? av_q2d(rate) : nil
    }

    /// Refuses pictures of more pixels than allowed.
    static func check(_ width: Int, _ height: Int, _ limits: Limits) throws(TokenReelError) {
        let (area, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, area <= limits.pixelsPerFrame else {
            throw TokenReelError(
                .limitExceeded, subject: "input", found: "pictures of \(width) x \(height)",
                allowed: "\(limits.pixelsPerFrame) pixels", remedy: "raise it with --max-pixels")
        }
    }

    /// The first software decoder for a codec that is on the list.
    private static func decoder(for codec: AVCodecID) -> UnsafePointer<AVCodec>? {
        var cursor: UnsafeMutableRawPointer?
        while let candidate = av_codec_iterate(&cursor) {
            if candidate.pointee.id == codec, av_codec_is_decoder(candidate) != 0,
                VideoFormats.decoders.contains(String(cString: candidate.pointee.name))
            {
                return candidate
            }
        }
        return nil
    }

    /// Hands in a packet, after ``receive(_:)`` said that more are needed.
    ///
    /// With `droppingNonReference`, a picture that no other refers to is left undecoded.
    func send(_ packet: borrowing Packet, droppingNonReference: Bool) {
        // With frame threads this still holds for each packet: the value is copied when a packet goes in.
        context?.pointee.skip_frame = droppingNonReference ? AVDISCARD_NONREF : AVDISCARD_DEFAULT
        if avcodec_send_packet(context, packet.pointer) < 0 { errors += 1 }
    }

    /// Says that no packets follow, so that the last pictures come out.
    func finish() { avcodec_send_packet(context, nil) }

    /// Makes the decoder ready for packets from elsewhere, after ``finish()``.
    func restart() { avcodec_flush_buffers(context) }

    /// Takes out the next picture.
    func receive(_ picture: borrowing Picture) -> Outcome {
        while true {
            let result = avcodec_receive_frame(context, picture.pointer)
            if result >= 0 {
                if cff_frame_is_damaged(picture.pointer) != 0 { errors += 1 }
                return .picture
            }
            if result == cff_error_again { return .hungry }
            if result == cff_error_eof { return .ended }
            errors += 1
        }
    }
}
