internal import CFFmpeg
public import TokenCore

/// How a single picture is written.
public enum PictureFormat: Sendable, Equatable {
    /// Exactly the pixels.
    case png
    /// JPEG with half-size colour; the quality, 1 to 100, means about what libjpeg means by it.
    case jpeg(quality: Int)
}

extension VideoFrame {
    /// The bytes of a PNG or JPEG file; the same pixels give the same bytes.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` where FFmpeg was built without the encoder, or for a picture
    ///   that the format can't hold; ``TokenReelError/Code/invalidArgument`` for a quality outside 1…100.
    public func encoded(as format: PictureFormat) throws(TokenReelError) -> [UInt8] {
        let encoder: PictureEncoder
        switch format {
        case .png:
            encoder = try PictureEncoder(["png"], width: width, height: height, pixels: AV_PIX_FMT_RGB24)
        case .jpeg(let quality):
            guard 1...100 ~= quality else {
                throw TokenReelError(
                    .invalidArgument, subject: "picture", found: "a quality of \(quality)", allowed: "1 to 100")
            }
            encoder = try PictureEncoder(["mjpeg"], width: width, height: height, pixels: AV_PIX_FMT_YUVJ420P) {
                context in
                // libjpeg scales its tables by this; FFmpeg's own tables are about an eighth of those at a scale of 1.
                let scale = quality < 50 ? 50 / Double(quality) : 2 - Double(quality) / 50
                context.pointee.flags |= AV_CODEC_FLAG_QSCALE
                context.pointee.qmin = 1
                context.pointee.global_quality = Int32(min(max(9.5 * scale, 1), 31).rounded()) * FF_QP2LAMBDA
            }
        }
        try encoder.send(self, pts: 0)
        try encoder.finish()
        var bytes: [UInt8] = []
        while let packet = try encoder.receive() {
            bytes += UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
        }
        return bytes
    }
}

/// One of FFmpeg's encoders and the conversion from RGB to what it takes.
final class PictureEncoder {
    /// The encoder, open.
    let context: UnsafeMutablePointer<AVCodecContext>
    private let scaler: OpaquePointer
    private let picture: Picture
    private let packet: Packet

    /// Opens the first encoder of `names` that FFmpeg has.
    init(
        _ names: [String], width: Int, height: Int, pixels: AVPixelFormat,
        configure: (UnsafeMutablePointer<AVCodecContext>) -> Void = { _ in }
    ) throws(TokenReelError) {
        func unsupported(_ found: String) -> TokenReelError {
            TokenReelError(.unsupportedInput, subject: "picture", found: found)
        }
        quietLogging
        guard let codec = names.lazy.compactMap({ avcodec_find_encoder_by_name($0) }).first else {
            throw unsupported("an FFmpeg without the encoder \(names.joined(separator: " or "))")
        }
        guard let context = avcodec_alloc_context3(codec) else { throw outOfMemory }
        var open: UnsafeMutablePointer<AVCodecContext>? = context
        do throws(TokenReelError) {
            context.pointee.width = Int32(width)
            context.pointee.height = Int32(height)
            context.pointee.pix_fmt = pixels
            context.pointee.time_base = AVRational(num: 1, den: 90_000)
            context.pointee.sample_aspect_ratio = AVRational(num: 1, den: 1)
            // One thread and no version strings: the same bytes everywhere.
            context.pointee.thread_count = 1
            context.pointee.flags |= AV_CODEC_FLAG_BITEXACT
            let isFullRange = pixels != AV_PIX_FMT_YUV420P
            context.pointee.color_range = isFullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
            context.pointee.colorspace = pixels == AV_PIX_FMT_RGB24 ? AVCOL_SPC_RGB : AVCOL_SPC_SMPTE170M
            configure(context)
            let status = avcodec_open2(context, codec, nil)
            guard status >= 0 else {
                throw unsupported("a picture of \(width) x \(height) that can't be encoded: \(describe(status))")
            }
            let picture = try Picture()
            picture.pointer.pointee.width = Int32(width)
            picture.pointer.pointee.height = Int32(height)
            picture.pointer.pointee.format = pixels.rawValue
            picture.pointer.pointee.color_range = context.pointee.color_range
            // Encoders of constant quality read it from each picture.
            picture.pointer.pointee.quality = context.pointee.global_quality
            guard av_frame_get_buffer(picture.pointer, 0) >= 0,
                let scaler = sws_getContext(
                    Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(width), Int32(height), pixels,
                    SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT, nil, nil, nil)
            else { throw outOfMemory }
            let coefficients = sws_getCoefficients(Int32(AVCOL_SPC_SMPTE170M.rawValue))
            // Refused only where nothing is to be converted.
            _ = sws_setColorspaceDetails(
                scaler, coefficients, 1, coefficients, isFullRange ? 1 : 0, 0, 1 << 16, 1 << 16)
            self.context = context
            self.picture = picture
            self.scaler = scaler
            packet = try Packet()
        } catch {
            avcodec_free_context(&open)
            throw error
        }
    }

    deinit {
        sws_freeContext(scaler)
        var open: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&open)
    }

    /// Takes a picture of at least the size that the encoder was opened for; what is beyond is cut off.
    ///
    /// - Parameter pts: In units of the encoder's time base.
    func send(_ frame: VideoFrame, pts: Int64) throws(TokenReelError) {
        let target = picture.pointer
        guard av_frame_make_writable(target) >= 0 else { throw outOfMemory }
        target.pointee.pts = pts
        frame.pixels.withUnsafeBufferPointer { pixels in
            let planes = withUnsafeBytes(of: target.pointee.data) {
                Array($0.bindMemory(to: UnsafeMutablePointer<UInt8>?.self))
            }
            let strides = withUnsafeBytes(of: target.pointee.linesize) { Array($0.bindMemory(to: Int32.self)) }
            _ = sws_scale(
                scaler, [pixels.baseAddress], [Int32(3 * frame.width)], 0, context.pointee.height, planes, strides)
        }
        try check(avcodec_send_frame(context, target))
    }

    /// No more pictures follow.
    func finish() throws(TokenReelError) { try check(avcodec_send_frame(context, nil)) }

    /// The next piece of the compressed stream, valid until the next call; nil when the encoder wants more or is done.
    func receive() throws(TokenReelError) -> UnsafeMutablePointer<AVPacket>? {
        let status = avcodec_receive_packet(context, packet.pointer)
        if [cff_error_again, cff_error_eof].contains(status) { return nil }
        try check(status)
        return packet.pointer
    }

    private func check(_ status: Int32) throws(TokenReelError) {
        guard status < 0 else { return }
        throw TokenReelError(.inputOutput, subject: "picture", found: "can't be encoded: \(describe(status))")
    }
}
