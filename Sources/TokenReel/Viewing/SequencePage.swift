public import TokenCore
internal import TokenReduction
internal import VideoDecoding

extension TokenSequenceFile {
    /// One self-contained page about the tokens: a time line of the segments, every shown frame with its kept, merged
    /// and dropped patches, relevance and codes where there are any, and how the file was made; it needs no network.
    ///
    /// - Parameters:
    ///   - title: What to call the tokens.
    ///   - frames: Which frames to show, ascending; see ``frames(atMost:)``.
    ///   - pictures: What to draw on; blank cells without it.
    ///   - edge: Pixels of the longer edge of each picture.
    /// - Throws: As ``SourcePictures/forEach(of:edge:_:)``.
    public func page(
        title: String, frames: [Int], pictures: SourcePictures?, edge: Int = 512
    ) throws(TokenReelError) -> String {
        var files: [Int: String] = [:]
        var size: (Int, Int)?
        try pictures?.forEach(of: frames, edge: edge) { frame, picture throws(TokenReelError) in
            let bytes = try picture.encoded(as: .jpeg(quality: 80))
            files[frame] = "data:image/jpeg;base64,\(Base64.text(of: bytes))"
            size = size ?? (picture.width, picture.height)
        }
        let missing = pictures == nil ? 0 : frames.count - files.count
        var notices = pictures?.notices ?? []
        if missing > 0 { notices.append("The video has no picture for \(missing) of the frames.") }
        if frames.count < sequence.shape.frames {
            notices.append("\(frames.count) of \(sequence.shape.frames) frames are shown, spread evenly.")
        }
        let (width, height) = size ?? (sequence.shape.columns * 32, sequence.shape.rows * 32)
        let area = view.area(width: Double(width), height: Double(height))
        let owners = sequence.plan.owners
        let data = JSONValue.report([
            "title": .string(title), "notices": .array(notices.map(JSONValue.string)), "grid": sequence.shape.json,
            "picture": .members(["width": .integer(width), "height": .integer(height)]),
            // The part of the picture that the grid covers: left, top, width and height as shares.
            "view": .array([
                .number(area.left / Double(width)), .number(area.top / Double(height)),
                .number(area.width / Double(width)), .number(area.height / Double(height)),
            ]),
            "frame_times": .array(sequence.frameTimes.map(JSONValue.number)),
            "segments": .array(sequence.segments.map { .array([.integer($0.start), .integer($0.end)]) }),
            "tokens": tokenColumns, "patches": patchCounts,
            "codebook": sequence.codes == nil ? .null : .integer(sequence.codebookSize),
            "code_colours": .array((0..<sequence.codebookSize).map { .string(Palette.category($0).hex) }),
            "heat": .array((0...16).map { .string(Palette.heat(Double($0) / 16).hex) }),
            "frames": .array(frames.map { describe($0, files[$0], owners) }),
            "metadata": .metadata(metadata),
        ])
        return HTMLPage(template: PackageResources.sequence_html, title: title, data: data).text
    }

    /// One entry for each token, column by column.
    private var tokenColumns: JSONValue {
        .members([
            "anchors": .array(sequence.plan.anchors.map { .integer(Int($0)) }),
            "sizes": .array(sequence.plan.sizes.map { .integer(Int($0)) }),
            "relevance": sequence.relevance.map { .array($0.map { .number(Double($0)) }) } ?? .null,
            "colours": .array((0..<sequence.count).map { .string(Palette.category($0).hex) }),
        ])
    }

    private var patchCounts: JSONValue {
        let states = sequence.patchStates
        return .object(
            PatchState.allCases.map { state in
                JSONValue.Member(key: state.rawValue, value: .integer(states.count { $0 == state }))
            })
    }

    private func describe(_ frame: Int, _ picture: String?, _ owners: [Int32]) -> JSONValue {
        let cells = frame * sequence.shape.tokensPerFrame..<(frame + 1) * sequence.shape.tokensPerFrame
        return .members([
            "index": .integer(frame), "time": .number(sequence.frameTimes[frame]),
            "picture": picture.map(JSONValue.string) ?? .null,
            "owners": .array(owners[cells].map { .integer(Int($0)) }),
            "codes": sequence.codes.map { .array($0[cells].map { .integer(Int($0)) }) } ?? .null,
        ])
    }
}

/// Bytes as text, for pictures inside a page (RFC 4648, section 4).
enum Base64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? letters[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
