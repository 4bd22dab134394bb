internal import CFFmpeg
internal import TokenCore

/// What the headers say about the chosen stream, in the terms that decoding needs.
struct StreamFacts {
    var info: VideoInfo
    let decoder: PictureDecoder
    let orientation: Orientation
    let aspect: AVRational
    /// The unit of timestamps.
    let tick: Rational
    /// The nominal time between frames in ticks, at least 1; 1/25 s where nothing is claimed.
    let interval: Int64
    var notices: [String] = []

    init(
        _ context: UnsafeMutablePointer<AVFormatContext>, _ stream: UnsafeMutablePointer<AVStream>, threads: Int,
        limits: Limits
    ) throws(TokenReelError) {
        let parameters = stream.pointee.codecpar.pointee
        decoder = try PictureDecoder(stream, threads: threads, limits: limits)
        guard let tick = Rational(stream.pointee.time_base), tick.numerator > 0 else {
            throw TokenReelError(.unreadableInput, subject: "input", found: "a stream without a unit of time")
        }
        self.tick = tick
        orientation = Orientation(displayMatrix: cff_display_matrix(stream))
        aspect = av_guess_sample_aspect_ratio(context, stream, nil)
        let claimed = av_guess_frame_rate(context, stream, nil)
        let rate = claimed.num > 0 && claimed.den > 0 ? av_q2d(claimed) : 25
        interval = Int64((1 / rate / tick.value).rounded().clamped(to: 1...1e12))

        let shown = DisplaySize(
            storedWidth: Int(parameters.width), storedHeight: Int(parameters.height), aspect: aspect,
            orientation: orientation)
        var info = VideoInfo(timeBase: tick)
        info.container = context.pointee.iformat.map { String(cString: $0.pointee.name) } ?? ""
        info.codec = String(cString: avcodec_get_name(parameters.codec_id))
        (info.width, info.height) = (shown.width, shown.height)
        (info.storedWidth, info.storedHeight) = (Int(parameters.width), Int(parameters.height))
        info.rotation = orientation.degrees
        info.sampleAspectRatio = DisplaySize.ratio(aspect)
        let average = stream.pointee.avg_frame_rate
        info.frameRate = [average, claimed].first { $0.num > 0 && $0.den > 0 }.map(av_q2d)
        if stream.pointee.duration != cff_no_pts, stream.pointee.duration > 0 {
            info.duration = Double(stream.pointee.duration) * tick.value
        } else if context.pointee.duration != cff_no_pts, context.pointee.duration > 0 {
            info.duration = Double(context.pointee.duration) / Double(cff_time_base)
        }
        if stream.pointee.start_time != cff_no_pts { info.startTime = Double(stream.pointee.start_time) * tick.value }
        let format = AVPixelFormat(parameters.format)
        info.pixelFormat = av_get_pix_fmt_name(format).map { String(cString: $0) } ?? "unknown"
        info.bitDepth = av_pix_fmt_desc_get(format).map { Int($0.pointee.comp.0.depth) } ?? 8
        let matrix = PictureConverter.matrix(
            parameters.color_space, width: parameters.width, height: parameters.height)
        info.colourMatrix = av_color_space_name(matrix).map { String(cString: $0) } ?? "unknown"
        info.isFullRange = parameters.color_range == AVCOL_RANGE_JPEG || info.pixelFormat.hasPrefix("yuvj")
        info.isInterlaced = ![AV_FIELD_PROGRESSIVE, AV_FIELD_UNKNOWN].contains(parameters.field_order)
        if let streams = context.pointee.streams {
            info.videoStreams = (0..<Int(context.pointee.nb_streams)).count { streams[$0]?.isVideo == true }
        }
        self.info = info
        if [AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67].contains(parameters.color_trc) {
            notices.append("HDR material: its transfer curve is kept, colours look flat")
        }
    }

}

extension Rational {
    /// Takes over FFmpeg's fraction; nil unless both terms are positive.
    init?(_ fraction: AVRational) {
        guard fraction.num > 0 else { return nil }
        self.init(fraction.num, fraction.den)
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
        isNaN ? range.lowerBound : Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
