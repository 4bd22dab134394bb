internal import CFFmpeg
internal import CLibrary
public import TokenCore

/// Writes pictures as an MP4 file that players open: H.264 where FFmpeg has x264, MPEG-4 otherwise.
///
/// The file takes its name when it is finished; one that is not leaves nothing behind.
public final class VideoWriter {
    private let path: String
    private let unfinished: String
    private let encoder: PictureEncoder
    private var container: UnsafeMutablePointer<AVFormatContext>?
    private let stream: UnsafeMutablePointer<AVStream>
    private var origin: Double?
    private var lastTime: Int64 = -1
    /// Ticks from the picture before to the last one.
    private var lastGap: Int64 = 3600

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - width: Pixels per row of every picture; odd sizes lose their last row or column.
    /// - Throws: ``TokenReelError/Code/inputOutput`` if the file can't be made,
    ///   ``TokenReelError/Code/unsupportedInput`` where FFmpeg has neither encoder.
    public init(path: String, width: Int, height: Int) throws(TokenReelError) {
        self.path = path
        unfinished = "\(path).\(getpid()).part"
        var container: UnsafeMutablePointer<AVFormatContext>?
        guard avformat_alloc_output_context2(&container, nil, "mp4", nil) >= 0, let opened = container else {
            throw TokenReelError(.unsupportedInput, subject: path, found: "an FFmpeg that can't write MP4")
        }
        do throws(TokenReelError) {
            encoder = try PictureEncoder(
                ["libx264", "mpeg4"], width: width & ~1, height: height & ~1, pixels: AV_PIX_FMT_YUV420P
            ) { context in
                context.pointee.gop_size = 60
                context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
                // Each encoder knows one of these and ignores the other.
                av_opt_set(context.pointee.priv_data, "crf", "20", 0)
                av_opt_set(context.pointee.priv_data, "preset", "veryfast", 0)
                context.pointee.bit_rate = 4_000_000
            }
            guard let stream = avformat_new_stream(opened, nil) else { throw outOfMemory }
            self.stream = stream
            stream.pointee.time_base = encoder.context.pointee.time_base
            guard avcodec_parameters_from_context(stream.pointee.codecpar, encoder.context) >= 0 else {
                throw outOfMemory
            }
            opened.pointee.flags |= AVFMT_FLAG_BITEXACT
            // "file:", so that no name is taken for a protocol.
            try Self.check(avio_open(&opened.pointee.pb, "file:\(unfinished)", AVIO_FLAG_WRITE), path)
            try Self.check(avformat_write_header(opened, nil), path)
        } catch {
            Self.close(opened)
            unlink(unfinished)
            throw error
        }
        self.container = container
    }

    deinit {
        guard let container else { return }
        Self.close(container)
        unlink(unfinished)
    }

    /// Adds a picture, shown from its time until the next one's; the first is shown at once.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``.
    public func append(_ frame: VideoFrame) throws(TokenReelError) {
        let start = origin ?? frame.pts.seconds
        origin = start
        let time = max(Int64(((frame.pts.seconds - start) * 90_000).rounded()), lastTime + 1)
        if lastTime >= 0 { lastGap = time - lastTime }
        lastTime = time
        try encoder.send(frame, pts: lastTime)
        try write()
    }

    /// Ends the file and gives it its name.
    ///
    /// - Throws: ``TokenReelError/Code/inputOutput``.
    public func finish() throws(TokenReelError) {
        guard let container else { return }
        try encoder.finish()
        try write()
        try Self.check(av_write_trailer(container), path)
        Self.close(container)
        self.container = nil
        guard rename(unfinished, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(unfinished)
            throw TokenReelError(.inputOutput, subject: path, found: "can't be written: \(reason)")
        }
    }

    private func write() throws(TokenReelError) {
        while let packet = try encoder.receive() {
            // The container knows how long a picture stays from the next one's time, but for the last one.
            if packet.pointee.pts == lastTime { packet.pointee.duration = lastGap }
            av_packet_rescale_ts(packet, encoder.context.pointee.time_base, stream.pointee.time_base)
            packet.pointee.stream_index = stream.pointee.index
            try Self.check(av_interleaved_write_frame(container, packet), path)
        }
    }

    private static func close(_ container: UnsafeMutablePointer<AVFormatContext>) {
        avio_closep(&container.pointee.pb)
        avformat_free_context(container)
    }

    private static func check(_ status: Int32, _ path: String) throws(TokenReelError) {
        guard status < 0 else { return }
        throw TokenReelError(.inputOutput, subject: path, found: "can't be written: \(describe(status))")
    }
}
