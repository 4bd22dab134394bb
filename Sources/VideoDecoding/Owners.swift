internal import CFFmpeg
internal import TokenCore

/// An AVPacket, freed with its owner.
struct Packet: ~Copyable {
    let pointer: UnsafeMutablePointer<AVPacket>

    init() throws(TokenReelError) {
        guard let packet = av_packet_alloc() else { throw outOfMemory }
        pointer = packet
    }

    deinit {
        var packet: UnsafeMutablePointer<AVPacket>? = pointer
        av_packet_free(&packet)
    }

    /// Drops the payload, keeps the packet for the next read.
    func clear() { av_packet_unref(pointer) }
}

/// An AVFrame, freed with its owner.
struct Picture: ~Copyable {
    let pointer: UnsafeMutablePointer<AVFrame>

    init() throws(TokenReelError) {
        guard let frame = av_frame_alloc() else { throw outOfMemory }
        pointer = frame
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = pointer
        av_frame_free(&frame)
    }

    /// Takes over the content of another picture, which is empty afterwards.
    func take(_ other: borrowing Picture) {
        av_frame_unref(pointer)
        av_frame_move_ref(pointer, other.pointer)
    }

    /// Drops the content.
    func clear() { av_frame_unref(pointer) }
}

/// What every failed allocation of FFmpeg is reported as.
let outOfMemory = TokenReelError(.limitExceeded, subject: "decoder", found: "no memory left for a buffer")

/// FFmpeg's words for an error code.
func describe(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
        guard let base = text.baseAddress, av_strerror(code, base, text.count) >= 0 else { return "error \(code)" }
        return String(cString: base)
    }
}
