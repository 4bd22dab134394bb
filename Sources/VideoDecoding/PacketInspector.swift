internal import CFFmpeg

/// Reads from a packet's own bits what a container's flags can't be trusted with: whether decoding can begin there,
/// and whether it shows a picture at all.
///
/// Containers mark as key frames what is not a clean entry: recovery points whose neighbours reach across, or plain
/// mistakes. Here an entry is a picture after which nothing shown later needs anything earlier: H.264 IDR, HEVC
/// IDR, CRA and BLA, key frames of VP8, VP9 and AV1, intra pictures of MPEG-1/2/4 with their headers. Pictures shown
/// before the entry but stored after it (leading pictures) may still need earlier ones; the schedule minds that.
struct PacketInspector {
    /// What the bits say about one packet.
    struct Finding {
        var isEntry = false
        /// Decoded, but never shown.
        var isHidden = false
        /// Carries headers that later packets may rely on.
        var carriesHeaders = false
    }

    private let codec: AVCodecID
    /// Bytes of a NAL unit's length prefix; 0 for start codes.
    private let lengthSize: Int
    private var headersSeen = false
    /// Whether pictures that nothing refers to can be left out one by one.
    private(set) var canDropNonReference: Bool
    /// Whether entries may be used at all.
    private(set) var trustsEntries = true

    /// Whether every picture stands alone.
    let isIntraOnly: Bool

    init(_ parameters: AVCodecParameters) {
        codec = parameters.codec_id
        let extradata = UnsafeBufferPointer(start: parameters.extradata, count: Int(max(parameters.extradata_size, 0)))
        switch codec {
        case AV_CODEC_ID_H264 where extradata.count > 6 && extradata[0] == 1:
            lengthSize = Int(extradata[4] & 3) + 1
        case AV_CODEC_ID_HEVC
        where extradata.count > 22 && (extradata[0] == 1 || extradata[0] == 0 && extradata[1] == 0 && extradata[2] > 1):
            lengthSize = Int(extradata[21] & 3) + 1
        default: lengthSize = 0
        }
        isIntraOnly = [
            AV_CODEC_ID_MJPEG, AV_CODEC_ID_PNG, AV_CODEC_ID_PRORES, AV_CODEC_ID_DNXHD, AV_CODEC_ID_RAWVIDEO,
            AV_CODEC_ID_HUFFYUV, AV_CODEC_ID_FFVHUFF, AV_CODEC_ID_WEBP,
        ].contains(codec)
        let droppable = [
            AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO,
            AV_CODEC_ID_MPEG4,
        ].contains(codec)
        // The two fields of a picture may come in packets of their own, of which only the first carries its time.
        let isProgressive = [AV_FIELD_PROGRESSIVE, AV_FIELD_UNKNOWN].contains(parameters.field_order)
        canDropNonReference = droppable && isProgressive
    }

    /// Looks at one packet; packets come in stored order.
    mutating func inspect(_ packet: borrowing Packet) -> Finding {
        let data = UnsafeBufferPointer(start: packet.pointer.pointee.data, count: Int(packet.pointer.pointee.size))
        var finding = Finding()
        switch codec {
        case AV_CODEC_ID_H264: finding = inspectH264(data)
        case AV_CODEC_ID_HEVC: finding = inspectHEVC(data)
        case AV_CODEC_ID_VP8:
            if let first = data.first {
                finding.isEntry = first & 1 == 0
                finding.isHidden = first & 0x10 == 0
            }
        case AV_CODEC_ID_VP9: finding = Self.inspectVP9(data)
        case AV_CODEC_ID_AV1: finding = Self.inspectAV1(data)
        case AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG4: finding = inspectMPEG(data)
        default: finding.isEntry = isIntraOnly
        }
        var size = 0
        if av_packet_get_side_data(packet.pointer, AV_PKT_DATA_NEW_EXTRADATA, &size) != nil {
            finding.carriesHeaders = true
        }
        // Once headers came in band, an entry without its own may need some that a jump would leave out.
        if headersSeen, !finding.carriesHeaders, !isIntraOnly { finding.isEntry = false }
        if finding.carriesHeaders { headersSeen = true }
        return finding
    }
}

// MARK: - NAL units

extension PacketInspector {
    private func inspectH264(_ data: UnsafeBufferPointer<UInt8>) -> Finding {
        var finding = Finding()
        forEachNAL(data) { unit in
            guard let header = unit.first else { return true }
            switch header & 0x1f {
            case 7, 8: finding.carriesHeaders = true
            case 5: finding.isEntry = true
            default: break
            }
            return !(1...5).contains(header & 0x1f)
        }
        return finding
    }

    private mutating func inspectHEVC(_ data: UnsafeBufferPointer<UInt8>) -> Finding {
        var finding = Finding()
        var layered = false
        forEachNAL(data) { unit in
            guard unit.count > 1 else { return true }
            let type = unit[unit.startIndex] >> 1 & 0x3f
            if 32...34 ~= type { finding.carriesHeaders = true }
            if 16...21 ~= type { finding.isEntry = true }
            if unit[unit.startIndex + 1] & 7 > 1 { layered = true }
            return type >= 32
        }
        // "Not a reference" holds only within a temporal sub-layer, so with several nothing is droppable.
        if layered { canDropNonReference = false }
        return finding
    }

    /// Calls `body` with each NAL unit until it returns false.
    private func forEachNAL(
        _ data: UnsafeBufferPointer<UInt8>, _ body: (Slice<UnsafeBufferPointer<UInt8>>) -> Bool
    ) {
        if lengthSize > 0 {
            var offset = 0
            while offset + lengthSize < data.count {
                let length = data[offset..<offset + lengthSize].reduce(0) { $0 << 8 | Int($1) }
                offset += lengthSize
                guard length <= data.count - offset else { return }
                if !body(data[offset..<offset + length]) { return }
                offset += length
            }
        } else {
            Self.forEachStartCode(data) { offset in body(data[offset...]) }
        }
    }

    /// Calls `body` with the offset after each 00 00 01 until it returns false.
    private static func forEachStartCode(_ data: UnsafeBufferPointer<UInt8>, _ body: (Int) -> Bool) {
        var offset = 2
        while offset < data.count - 1 {
            if data[offset] > 1 {
                offset += 3
            } else if data[offset] == 1, data[offset - 1] == 0, data[offset - 2] == 0 {
                if !body(offset + 1) { return }
                offset += 3
            } else {
                offset += 1
            }
        }
    }
}

// MARK: - Other codecs

extension PacketInspector {
    private mutating func inspectMPEG(_ data: UnsafeBufferPointer<UInt8>) -> Finding {
        let isPart2 = codec == AV_CODEC_ID_MPEG4
        var finding = Finding()
        var pictures = 0
        Self.forEachStartCode(data) { offset in
            let code = data[offset]
            if isPart2 {
                if 0x20...0x2f ~= code { finding.carriesHeaders = true }
                if code == 0xb6, offset + 1 < data.count {
                    if pictures == 0 { finding.isEntry = data[offset + 1] >> 6 == 0 }
                    pictures += 1
                }
                return true
            }
            if code == 0xb3 { finding.carriesHeaders = true }
            if code == 0, offset + 2 < data.count {
                finding.isEntry = finding.carriesHeaders && data[offset + 2] >> 3 & 7 == 1
                return false
            }
            return true
        }
        // Packed B pictures: the decoder carries the second of a packet over to the next, so none may be missing.
        if isPart2, pictures > 1 {
            trustsEntries = false
            canDropNonReference = false
        }
        return finding
    }

    private static func inspectVP9(_ data: UnsafeBufferPointer<UInt8>) -> Finding {
        var finding = Finding()
        guard let first = data.first, let last = data.last, first >> 6 == 2 else { return finding }
        let profile = first >> 5 & 1 | first >> 3 & 2
        // Profile 3 has a reserved bit before these.
        let bits = profile == 3 ? first << 1 : first
        let showsExisting = bits >> 3 & 1 == 1
        guard !showsExisting else { return finding }
        finding.isEntry = bits >> 2 & 1 == 0
        // A superframe ends with an index; its last frame is shown.
        finding.isHidden = bits >> 1 & 1 == 0 && last & 0xe0 != 0xc0
        return finding
    }

    private static func inspectAV1(_ data: UnsafeBufferPointer<UInt8>) -> Finding {
        var finding = Finding()
        var offset = 0
        while offset < data.count {
            let header = data[offset]
            offset += header >> 2 & 1 == 1 ? 2 : 1
            var size = data.count - offset
            if header >> 1 & 1 == 1 {
                size = 0
                var shift = 0
                while offset < data.count, shift < 56 {
                    let byte = data[offset]
                    offset += 1
                    size |= Int(byte & 0x7f) << shift
                    shift += 7
                    if byte & 0x80 == 0 { break }
                }
            }
            switch header >> 3 & 15 {
            case 1: finding.carriesHeaders = true
            case 3, 6:
                // show_existing_frame 0, frame_type key, show_frame 1.
                if offset < data.count { finding.isEntry = finding.carriesHeaders && data[offset] >> 4 == 1 }
                return finding
            default: break
            }
            guard size >= 0, size <= data.count - offset else { break }
            offset += size
        }
        return finding
    }
}
