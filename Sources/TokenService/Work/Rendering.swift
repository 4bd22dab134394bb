internal import TokenCore
internal import TokenReel

/// A result in the form that a client asked for.
enum Rendering: Sendable {
    /// The bytes of a file.
    case file(TemporaryFile)
    /// Lines, made as they are sent.
    case lines(TokenLines)
    /// A page.
    case page(String)
}

extension ReduceOutcome {
    /// Frames that a page shows at most.
    private static let framesShown = 240

    /// Makes what a client asked for; blocks.
    ///
    /// - Throws: ``TokenReelError`` of the decoder, for the pictures of a page.
    func rendered(as format: ResultFormat, _ stop: StopSignal) throws(TokenReelError) -> Rendering {
        if format == .safetensors { return .file(file) }
        let tokens = try TokenSequenceFile(path: file.path)
        if format == .lines { return .lines(TokenLines(tokens: tokens, report: report, file: file)) }
        let pictures =
            input.isGrid
            ? nil : try SourcePictures(of: tokens, in: input, limits: limits, cancellation: stop.cancellation)
        return .page(
            try tokens.page(
                title: tokens.metadata["source"] ?? "Upload", frames: tokens.frames(atMost: Self.framesShown),
                pictures: pictures))
    }
}

/// Tokens as JSON lines: `header`, then `token` for each in their order, then `report`.
struct TokenLines: Sendable, Sequence {
    let tokens: TokenSequenceFile
    let report: JSONValue
    /// What `tokens` reads from.
    let file: TemporaryFile

    func makeIterator() -> AnyIterator<String> {
        let sequence = tokens.sequence
        let (positions, timestamps, sizes) = (sequence.positions, sequence.timestamps, sequence.plan.sizes)
        let channels = sequence.shape.channels
        var next = -1
        return AnyIterator {
            defer { next += 1 }
            switch next {
            case -1: return line("header", header)
            case sequence.count: return line("report", report)
            case 0..<sequence.count:
                let values = sequence.tokens.withUnsafeBufferPointer { all in
                    all[next * channels..<(next + 1) * channels].map { JSONValue.number(Double($0)) }
                }
                return line(
                    "token",
                    .members([
                        "index": .integer(next),
                        "position": .array(positions[3 * next..<3 * next + 3].map { .integer(Int($0)) }),
                        "time": .number(timestamps[next]), "size": .number(Double(sizes[next])),
                        "relevance": sequence.relevance.map { .number(Double($0[next])) },
                        "sources": .array(
                            sequence.plan.sources[sequence.plan.entries(of: next)].map { .integer(Int($0)) }),
                        "values": .array(values),
                    ]))
            default: return nil
            }
        }
    }

    private var header: JSONValue {
        .report([
            "grid": tokens.sequence.shape.json, "tokens": .integer(tokens.sequence.count),
            "channels": .integer(tokens.sequence.shape.channels),
            "segments": .array(tokens.sequence.segments.map { .array([.integer($0.start), .integer($0.end)]) }),
            "frame_times": .array(tokens.sequence.frameTimes.map(JSONValue.number)),
            "metadata": .metadata(tokens.metadata),
        ])
    }

    private func line(_ type: String, _ value: JSONValue) -> String {
        JSONValue.members(["type": .string(type)]).joined(with: value).text + "\n"
    }
}
