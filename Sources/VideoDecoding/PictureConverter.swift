internal import CFFmpeg
internal import TokenCore

/// Turns decoded pictures into upright full-range RGB of the asked size, straight from the stored samples.
///
/// Colour: the picture's own matrix and range. Where the matrix is unspecified, BT.709 above 576 rows or from 1280
/// columns and BT.601 below, as players choose. Transfer curves are left alone: HDR is not tone-mapped.
///
/// The bytes are those of `ffmpeg` with the scaler flags `accurate_rnd+full_chroma_int+bitexact` and `format=gbrp`.
///
/// Scaling: area averaging where both sides shrink, bicubic otherwise. Interlaced pictures are rebuilt from the field
/// that is shown first.
final class PictureConverter {
    /// Everything a scaler is built for; it is rebuilt when any of this changes mid-stream.
    private struct Key: Equatable {
        var width: Int32
        var height: Int32
        var format: AVPixelFormat
        var matrix: Int32
        var isFullRange: Bool
        var targetWidth: Int32
        var targetHeight: Int32
    }

    private let size: FrameSize
    private let limits: Limits
    private let orientation: Orientation
    private var key: Key?
    private var scaler: OpaquePointer?
    /// The scaled picture before it is turned, as planes of green, blue and red.
    ///
    /// FFmpeg's vector code for planes gives the bytes of its packed RGB in a third of the time. Rows are padded,
    /// because that code may write past their end.
    private var scratch: UnsafeMutablePointer<UInt8>?
    private var stride = 0

    init(size: FrameSize, orientation: Orientation, limits: Limits) {
        self.size = size
        self.orientation = orientation
        self.limits = limits
    }

    deinit {
        sws_freeContext(scaler)
        av_free(scratch)
    }

    /// Converts one picture; `aspect` is the shape of a stored pixel.
    func convert(
        _ picture: borrowing Picture, aspect: AVRational, pts: MediaTime
    ) throws(TokenReelError) -> VideoFrame {
        let frame = picture.pointer
        try PictureDecoder.check(Int(frame.pointee.width), Int(frame.pointee.height), limits)
        var target = DisplaySize(
            storedWidth: Int(frame.pointee.width), storedHeight: Int(frame.pointee.height), aspect: aspect,
            orientation: orientation)
        switch size {
        case .display: break
        case .exactly(let width, let height): target = DisplaySize(width: width, height: height)
        case .within(let edge): target = target.within(edge)
        }
        try PictureDecoder.check(target.width, target.height, limits)
        try scale(
            frame, width: orientation.isTransposed ? target.height : target.width,
            height: orientation.isTransposed ? target.width : target.height)
        guard let scratch else { throw outOfMemory }
        let planeSize = stride * (orientation.isTransposed ? target.width : target.height)
        let pixels = orientation.upright(
            red: scratch + 2 * planeSize, green: scratch, blue: scratch + planeSize, stride: stride,
            width: target.width, height: target.height)
        return VideoFrame(width: target.width, height: target.height, pixels: pixels, pts: pts)
    }

    /// The matrix by which samples become RGB, as AVColorSpace.
    static func matrix(_ space: AVColorSpace, width: Int32, height: Int32) -> AVColorSpace {
        switch space {
        case AVCOL_SPC_BT709, AVCOL_SPC_FCC, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M, AVCOL_SPC_SMPTE240M,
            AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL, AVCOL_SPC_RGB:
            return space
        default: return width >= 1280 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M
        }
    }

    private func scale(_ frame: UnsafeMutablePointer<AVFrame>, width: Int, height: Int) throws(TokenReelError) {
        guard let format = av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format)),
            format.pointee.flags & UInt64(AV_PIX_FMT_FLAG_HWACCEL) == 0
        else {
            throw TokenReelError(.unsupportedInput, subject: "input", found: "pictures in an unknown pixel format")
        }
        // One field is every second line of every plane. The second field can be a chroma line short.
        let isField = cff_frame_is_interlaced(frame) != 0 && frame.pointee.height >= 4
        let keepsBottom =
            isField && cff_frame_top_field_first(frame) == 0 && frame.pointee.height.isMultiple(of: 4)
        let rows = isField ? (frame.pointee.height + 1) / 2 : frame.pointee.height
        try prepare(
            Key(
                width: frame.pointee.width, height: rows, format: AVPixelFormat(frame.pointee.format),
                matrix: Int32(
                    Self.matrix(
                        frame.pointee.colorspace, width: frame.pointee.width, height: frame.pointee.height
                    ).rawValue),
                isFullRange: Self.isFullRange(frame), targetWidth: Int32(width), targetHeight: Int32(height)))
        let isPalette = format.pointee.flags & UInt64(AV_PIX_FMT_FLAG_PAL) != 0
        let data = withUnsafeBytes(of: frame.pointee.data) { Array($0.bindMemory(to: UnsafePointer<UInt8>?.self)) }
        let strides = withUnsafeBytes(of: frame.pointee.linesize) { Array($0.bindMemory(to: Int32.self)) }
        let planes = zip(data, strides).enumerated().map { index, plane in
            keepsBottom && !(isPalette && index == 1) ? plane.0.map { $0 + Int(plane.1) } : plane.0
        }
        let steps = strides.map { isField ? $0 * 2 : $0 }
        let output = (0..<3).map { plane in scratch.map { $0 + plane * stride * height } } + [nil]
        let outputStrides = [Int32](repeating: Int32(stride), count: 3) + [0]
        let done = sws_scale(scaler, planes, steps, 0, rows, output, outputStrides)
        guard done == Int32(height) else {
            throw TokenReelError(.unreadableInput, subject: "input", found: "a picture that can't be converted to RGB")
        }
    }

    private static func isFullRange(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        // Grey without a stated range comes from still images and screen codecs, which use it all.
        if frame.pointee.color_range == AVCOL_RANGE_UNSPECIFIED,
            av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format))?.pointee.nb_components ?? 3 <= 2
        {
            return true
        }
        return [
            AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ411P,
        ]
        .contains(AVPixelFormat(frame.pointee.format)) || frame.pointee.color_range == AVCOL_RANGE_JPEG
    }

    /// Builds the scaler and its output for a kind of picture, unless they are those of the one before.
    private func prepare(_ wanted: Key) throws(TokenReelError) {
        guard wanted != key else { return }
        key = nil
        sws_freeContext(scaler)
        let shrinks = wanted.targetWidth <= wanted.width && wanted.targetHeight <= wanted.height
        let keeps = wanted.targetWidth == wanted.width && wanted.targetHeight == wanted.height
        let kernel = shrinks && !keeps ? SWS_AREA : SWS_BICUBIC
        scaler = sws_getContext(
            wanted.width, wanted.height, wanted.format, wanted.targetWidth, wanted.targetHeight, AV_PIX_FMT_GBRP,
            Int32(kernel | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT), nil, nil, nil)
        guard scaler != nil else {
            let name = av_get_pix_fmt_name(wanted.format).map { String(cString: $0) } ?? "unknown"
            throw TokenReelError(
                .unsupportedInput, subject: "input",
                found: "pictures of \(wanted.width) x \(wanted.height) in the pixel format \(name)")
        }
        let coefficients = sws_getCoefficients(wanted.matrix)
        // Refused only for RGB, which needs no matrix.
        _ = sws_setColorspaceDetails(
            scaler, coefficients, wanted.isFullRange ? 1 : 0, coefficients, 1, 0, 1 << 16, 1 << 16)
        stride = (Int(wanted.targetWidth) + 63) & ~63
        av_free(scratch)
        scratch = av_malloc(3 * stride * Int(wanted.targetHeight) + 64)?.assumingMemoryBound(to: UInt8.self)
        guard scratch != nil else { throw outOfMemory }
        key = wanted
    }
}
