internal import CFFmpeg
internal import CLibrary
internal import TokenCore

/// An opened container and the one video stream chosen from it.
final class Demuxer {
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private var io: UnsafeMutablePointer<AVIOContext>?
    private var connection: UnsafeMutablePointer<AVIOContext>?
    private let bytes: ByteSource?
    private let watch: Watch
    private let keepsTimes: Bool
    private(set) var streamIndex = 0
    /// Reads that failed on the way; the demuxer went on after them.
    private(set) var readErrors = 0
    /// What ended the last read early, in FFmpeg's words.
    private(set) var lastReadError: String?
    /// Why nothing more could be read, as FFmpeg's error code; nil before the end, and at one that is no fault.
    private(set) var failure: Int32?
    /// Keeps time running forwards in containers whose clock may start anew.
    private var timeline = Timeline()
    /// Times that the container's clock jumped back.
    var clockRestarts: Int { timeline.restarts }

    /// Opens a container from bytes of our own.
    ///
    /// `containers` lists the accepted demuxers; the format is probed from the bytes, never from a name. With
    /// `keepsTimes`, timestamps are those of the container also where its clock wraps or starts anew.
    init(
        _ bytes: ByteSource, containers: [String], stream: Int?, limits: Limits, watch: Watch, keepsTimes: Bool = false
    ) throws(TokenReelError) {
        self.bytes = bytes
        self.watch = watch
        self.keepsTimes = keepsTimes
        context = avformat_alloc_context()
        guard let context else { throw outOfMemory }
        configure(context)
        cff_refuse_nested_opens(context)
        try attach(bytes, to: context)
        let format = try probe(io, containers: containers, beginning: { bytes.beginning(512) })
        try open(nil, format, containers: containers, limits: limits)
        try choose(stream, limits: limits)
    }

    /// Opens an input by name.
    init(_ input: NamedInput, stream: Int?, limits: Limits, watch: Watch) throws(TokenReelError) {
        bytes = nil
        self.watch = watch
        keepsTimes = input.isLive
        context = avformat_alloc_context()
        guard let context else { throw outOfMemory }
        configure(context)
        cff_refuse_nested_opens(context)
        if input.isLive { context.pointee.fps_probe_size = 2 }
        var format: UnsafePointer<AVInputFormat>?
        if let device = input.device {
            format = try Self.deviceFormat(device)
            // A blocking read of a device that fell silent could not be interrupted.
            context.pointee.flags |= AVFMT_FLAG_NONBLOCK
        } else if !input.isOpenedByDemuxer {
            try connect(input, to: context)
            format = try probe(connection, containers: input.containers) { [connection] in
                guard let next = connection?.pointee.buf_ptr, let end = connection?.pointee.buf_end else { return [] }
                return Array(UnsafeBufferPointer(start: next, count: min(max(end - next, 0), 512)))
            }
        }
        try open(input, format, containers: input.containers, limits: limits)
        try choose(stream, limits: limits)
    }

    deinit {
        avformat_close_input(&context)
        // The buffer is FFmpeg's to replace, so it is freed from where FFmpeg keeps it now.
        if let io { av_freep(&io.pointee.buffer) }
        avio_context_free(&io)
        avio_closep(&connection)
    }

    /// Whether the input can be read again from anywhere.
    var isSeekable: Bool { bytes?.isSeekable ?? ((context?.pointee.pb?.pointee.seekable ?? 0) != 0) }

    /// Whether the input is a file or memory, rather than a pipe or the network.
    var isLocalFile: Bool { bytes?.isSeekable ?? false }

    /// Whether the container has no timestamps; those that FFmpeg makes up assume a rate.
    var isUntimed: Bool {
        (context?.pointee.iformat?.pointee.flags ?? 0) & AVFMT_NOTIMESTAMPS != 0 || formatName == "mpjpeg"
    }

    /// FFmpeg's name of the container.
    var formatName: String {
        context?.pointee.iformat.map { String(cString: $0.pointee.name) } ?? ""
    }

    /// Calls `body` with the chosen stream.
    func withStream<Result>(
        _ body: (UnsafeMutablePointer<AVFormatContext>, UnsafeMutablePointer<AVStream>) throws(TokenReelError) -> Result
    ) throws(TokenReelError) -> Result {
        guard let context, let streams = context.pointee.streams, let stream = streams[streamIndex] else {
            throw TokenReelError(.unreadableInput, subject: "input", found: "no video stream")
        }
        return try body(context, stream)
    }

    /// Reads the next packet of the chosen stream; false at the end.
    func read(_ packet: borrowing Packet) throws(TokenReelError) -> Bool {
        var failures = 0
        watch.progress()
        while true {
            packet.clear()
            let result = av_read_frame(context, packet.pointer)
            if let failure = watch.failure { throw failure }
            if result >= 0 {
                failures = 0
                watch.progress()
                guard packet.pointer.pointee.stream_index == streamIndex, packet.pointer.pointee.size > 0 else {
                    continue
                }
                timeline.straighten(packet)
                return true
            }
            if result == cff_error_eof {
                // Many demuxers take every failed read of their bytes for the end.
                failure = context?.pointee.pb.flatMap { $0.pointee.error < 0 ? $0.pointee.error : nil }
                if failure == cff_error_eof { failure = nil }
                return false
            }
            if watch.mustStop(), let failure = watch.failure { throw failure }
            if result == cff_error_again {
                // Only devices say so, which are read without blocking: there is no picture yet.
                usleep(4000)
                continue
            }
            // Past damage a demuxer often finds its way again; one that does not is at its end.
            readErrors += 1
            failures += 1
            lastReadError = describe(result)
            if failures >= 32 {
                failure = result
                return false
            }
        }
    }

    /// Jumps to the key frame at or before `timestamp` in stream ticks; false where the container can't.
    ///
    /// Only containers with an index of their own are asked. In the others FFmpeg searches by guessing, may land within
    /// a picture and then derives other timestamps than a reading from the start.
    func seek(to timestamp: Int64) throws(TokenReelError) -> Bool {
        guard ["mov", "matroska", "avi"].contains(formatName.prefix { $0 != "," }) else { return false }
        watch.progress()
        let result = av_seek_frame(context, Int32(streamIndex), timestamp, AVSEEK_FLAG_BACKWARD)
        if let failure = watch.failure { throw failure }
        return result >= 0
    }
}

// MARK: - Opening

extension Demuxer {
    private func configure(_ context: UnsafeMutablePointer<AVFormatContext>) {
        quietLogging
        context.pointee.interrupt_callback = AVIOInterruptCB(
            callback: { opaque in
                guard let opaque else { return 0 }
                return Unmanaged<Watch>.fromOpaque(opaque).takeUnretainedValue().mustStop() ? 1 : 0
            },
            // Unretained is enough: this demuxer holds the watch and closes the context before letting go of it.
            opaque: Unmanaged.passUnretained(watch).toOpaque())
        context.pointee.max_streams = 64
        context.pointee.correct_ts_overflow = keepsTimes ? 0 : 1
        context.pointee.probesize = 5_000_000
        context.pointee.max_analyze_duration = 5 * cff_time_base
    }

    private func attach(
        _ bytes: ByteSource, to context: UnsafeMutablePointer<AVFormatContext>
    ) throws(TokenReelError) {
        let capacity: Int32 = 1 << 16
        guard let buffer = av_malloc(Int(capacity)) else { throw outOfMemory }
        io = avio_alloc_context(
            buffer.assumingMemoryBound(to: UInt8.self), capacity, 0, Unmanaged.passUnretained(bytes).toOpaque(),
            { opaque, buffer, count in
                guard let opaque, let buffer else { return cff_error_io }
                let got = Unmanaged<ByteSource>.fromOpaque(opaque).takeUnretainedValue()
                    .read(into: buffer, count: Int(count))
                return got == 0 ? cff_error_eof : got
            }, nil,
            bytes.isSeekable
                ? { opaque, offset, whence in
                    guard let opaque else { return Int64(cff_error_io) }
                    return Unmanaged<ByteSource>.fromOpaque(opaque).takeUnretainedValue()
                        .seek(to: offset, whence: whence)
                } : nil)
        guard let io else {
            av_free(buffer)
            throw outOfMemory
        }
        context.pointee.pb = io
        // Otherwise FFmpeg would close the bytes as its own if the container is refused before it is opened.
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
    }

    /// Makes the connection to an address, over no other protocols than the input's.
    private func connect(
        _ input: NamedInput, to context: UnsafeMutablePointer<AVFormatContext>
    ) throws(TokenReelError) {
        var options = dictionary(
            input.options.merging(["protocol_whitelist": input.protocols.joined(separator: ",")]) { $1 })
        defer { av_dict_free(&options) }
        let opened = avio_open2(
            &connection, input.name, AVIO_FLAG_READ, &context.pointee.interrupt_callback, &options)
        if let failure = watch.failure { throw failure }
        guard opened >= 0 else { throw TokenReelError(.inputOutput, subject: "input", found: describe(opened)) }
        context.pointee.pb = connection
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
    }

    /// The demuxer of a kind of device.
    private static func deviceFormat(_ name: String) throws(TokenReelError) -> UnsafePointer<AVInputFormat> {
        guard cff_load_devices() != 0, let format = av_find_input_format(name) else {
            throw TokenReelError(
                .unsupportedInput, subject: "input", found: "a device, without FFmpeg's libavdevice",
                allowed: "libavdevice of the same FFmpeg version", remedy: "install it, or the ffmpeg command")
        }
        return format
    }

    /// Names the container from its bytes and refuses it unless it is on the list.
    private func probe(
        _ io: UnsafeMutablePointer<AVIOContext>?, containers: [String], beginning: () -> [UInt8]
    ) throws(TokenReelError) -> UnsafePointer<AVInputFormat> {
        var format: UnsafePointer<AVInputFormat>?
        let score = av_probe_input_buffer2(io, &format, "", nil, 0, 1 << 20)
        if let failure = watch.failure { throw failure }
        let allowed = "one of the formats \(containers.joined(separator: ", "))"
        let described = VideoFormats.describe(beginning())
        guard score >= 0, let format else {
            throw TokenReelError(
                .unreadableInput, subject: "input", found: described ?? "no container that is known here",
                allowed: allowed)
        }
        let name = String(cString: format.pointee.name)
        guard name.split(separator: ",").contains(where: { containers.contains(String($0)) }) else {
            let long = format.pointee.long_name.map { String(cString: $0) } ?? name
            throw TokenReelError(
                .unsupportedInput, subject: "input", found: described ?? "\(long) (\(name))", allowed: allowed)
        }
        return format
    }

    /// Reads the headers: of `input` where the demuxer opens it by name, else of what is attached.
    private func open(
        _ input: NamedInput?, _ format: UnsafePointer<AVInputFormat>?, containers: [String], limits: Limits
    ) throws(TokenReelError) {
        let name = input?.isOpenedByDemuxer == true ? input : nil
        var options = dictionary(
            [
                "format_whitelist": containers.joined(separator: ","),
                "protocol_whitelist": name?.protocols.joined(separator: ",") ?? "none",
                "codec_whitelist": VideoFormats.decoders.joined(separator: ","),
            ].merging(name?.options ?? [:]) { list, _ in list })
        defer { av_dict_free(&options) }
        let opened = avformat_open_input(&context, name?.name, format, &options)
        if let failure = watch.failure { throw failure }
        guard opened >= 0, let context else {
            let reason = describe(opened)
            guard name != nil else {
                throw TokenReelError(
                    .unreadableInput, subject: "input",
                    found: "a container that can't be opened (\(reason)): cut off or damaged")
            }
            // What came back was refused, or nothing came back.
            let isRefused = opened == cff_error_invalid_data || opened == cff_error_invalid_argument
            throw TokenReelError(
                isRefused ? .unsupportedInput : .inputOutput, subject: "input",
                found: isRefused ? "no video that is accepted from an address (\(reason))" : reason,
                allowed: isRefused ? "one of the formats \(containers.joined(separator: ", "))" : nil)
        }
        // A device says all it knows at once, and it would be asked for pictures without a pause.
        if input?.device == nil { try learnStreams(context, limits: limits) }
    }

    /// Reads on until the streams' parameters are known.
    private func learnStreams(
        _ context: UnsafeMutablePointer<AVFormatContext>, limits: Limits
    ) throws(TokenReelError) {
        let count = Int(context.pointee.nb_streams)
        for index in 0..<count {
            // Checked before probing, because FFmpeg forgets a size that its own decoder then refuses.
            guard let stream = context.pointee.streams?[index], stream.isVideo else { continue }
            let parameters = stream.pointee.codecpar.pointee
            try PictureDecoder.check(Int(parameters.width), Int(parameters.height), limits)
        }
        // One set of options for each stream; FFmpeg may open a decoder of each to learn its parameters.
        var decoderOptions = [OpaquePointer?](repeating: nil, count: count)
        for index in 0..<count {
            // These two are probed by their headers, without a buffer for the picture, and so can name its size.
            let codec = context.pointee.streams?[index]?.pointee.codecpar.pointee.codec_id
            if codec != AV_CODEC_ID_PNG, codec != AV_CODEC_ID_MJPEG {
                av_dict_set_int(&decoderOptions[index], "max_pixels", Int64(limits.pixelsPerFrame), 0)
            }
            av_dict_set(&decoderOptions[index], "threads", "1", 0)
        }
        let found = avformat_find_stream_info(context, &decoderOptions)
        for index in 0..<count { av_dict_free(&decoderOptions[index]) }
        if let failure = watch.failure { throw failure }
        guard found >= 0 else {
            throw TokenReelError(
                .unreadableInput, subject: "input", found: "a container without readable streams (\(describe(found)))")
        }
    }

    /// Picks the video stream and tells the demuxer to drop all others.
    private func choose(_ wanted: Int?, limits: Limits) throws(TokenReelError) {
        guard let context, let streams = context.pointee.streams else { return }
        let all = (0..<Int(context.pointee.nb_streams)).compactMap { streams[$0] }
        let videos = all.filter(\.isVideo)
        guard !videos.isEmpty else {
            throw TokenReelError(
                .unsupportedInput, subject: "input", found: "no video stream; " + Self.inventory(all),
                allowed: "a container with a video stream")
        }
        let number = wanted ?? 0
        guard videos.indices.contains(number) else {
            throw TokenReelError(
                .invalidArgument, subject: "input", found: "no video stream \(number)",
                allowed: "0 to \(videos.count - 1)", remedy: "choose one with --stream")
        }
        streamIndex = Int(videos[number].pointee.index)
        if !keepsTimes, let format = context.pointee.iformat, format.pointee.flags & AVFMT_TS_DISCONT != 0 {
            timeline = Timeline(restartsBelow: videos[number].pointee.time_base)
        }
        for stream in all where stream.pointee.index != videos[number].pointee.index {
            stream.pointee.discard = AVDISCARD_ALL
        }
    }

    /// Such as `1 audio stream (mp3), 2 subtitle streams (mov_text)`.
    private static func inventory(_ streams: [UnsafeMutablePointer<AVStream>]) -> String {
        if streams.isEmpty { return "no stream at all" }
        var kinds: [(kind: String, codecs: [String], count: Int)] = []
        for stream in streams {
            let parameters = stream.pointee.codecpar.pointee
            var kind = av_get_media_type_string(parameters.codec_type).map { String(cString: $0) } ?? "unknown"
            if kind == "video" { kind = "cover picture" }
            let codec = String(cString: avcodec_get_name(parameters.codec_id))
            if let index = kinds.firstIndex(where: { $0.kind == kind }) {
                kinds[index].count += 1
                if !kinds[index].codecs.contains(codec) { kinds[index].codecs.append(codec) }
            } else {
                kinds.append((kind, [codec], 1))
            }
        }
        return kinds.map {
            "\($0.count) \($0.kind) stream\($0.count == 1 ? "" : "s") (\($0.codecs.joined(separator: ", ")))"
        }
        .joined(separator: ", ")
    }
}

extension UnsafeMutablePointer<AVStream> {
    /// Moving pictures, not cover art.
    var isVideo: Bool {
        pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
            && pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
    }
}

/// A dictionary of FFmpeg's, which the caller frees.
private func dictionary(_ entries: [String: String]) -> OpaquePointer? {
    var result: OpaquePointer?
    for (key, value) in entries { av_dict_set(&result, key, value, 0) }
    return result
}

/// Turns off FFmpeg's own messages, once: a library must not write to its user's standard error.
let quietLogging: Void = av_log_set_level(AV_LOG_QUIET)
