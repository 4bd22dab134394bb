internal import TokenCore
package import VideoDecoding

/// What is known about a written segment without its tokens: a line of the index, and a string in the file itself.
public struct SegmentRecord: Sendable, Equatable {
    /// Counts up without a hole as long as nothing goes wrong; in a folder, over all runs that wrote to it.
    public let id: Int
    /// Which run of the program wrote it; ``frames``, ``start`` and ``end`` count from the run's first frame.
    public let run: Int
    /// Which frames it holds.
    public let frames: Range<Int>
    /// Stream seconds of its first frame.
    public let start: Double
    /// Stream seconds of its last frame.
    public let end: Double
    /// When its last frame arrived, in seconds since 1970.
    public let time: Double
    /// Number of tokens before reduction.
    public let tokensIn: Int
    /// Number of tokens kept.
    public let tokensOut: Int
    /// Names of the standing queries it was reduced for.
    public let queries: [String]
    /// The file's name in its folder; nil where it went elsewhere.
    public var file: String?
    /// The file's size; nil where it is not known.
    public var bytes: Int?

    /// Describes a segment.
    ///
    /// - Parameter id: Its number in the folder; without one its number in the stream.
    public init(_ segment: CommittedSegment, id: Int? = nil, run: Int = 0) {
        self.id = id ?? segment.id
        self.run = run
        frames = segment.frames
        start = segment.sequence.frameTimes.first ?? 0
        end = segment.sequence.frameTimes.last ?? 0
        time = WallClock.seconds(at: segment.arrivals.last ?? segment.closed)
        tokensIn = segment.tokensIn
        tokensOut = segment.sequence.count
        queries = segment.queries
    }

    /// The metadata key under which a segment's file carries its record.
    static let metadataKey = "segment_record"

    /// The record as it stands in the index and in a file's metadata.
    package var json: JSONValue {
        .members([
            "type": .string("segment"), "id": .integer(id), "run": .integer(run),
            "frames": .array([.integer(frames.lowerBound), .integer(frames.upperBound)]), "start": .number(start),
            "end": .number(end), "time": .number(time), "tokens_in": .integer(tokensIn),
            "tokens_out": .integer(tokensOut), "queries": .array(queries.map(JSONValue.string)),
            "file": file.map(JSONValue.string), "bytes": bytes.map(JSONValue.integer),
        ])
    }

    /// Reads what ``json`` wrote; nil for anything else.
    init?(_ tree: JSONTree) {
        func whole(_ key: StaticString) -> Int? { tree[key]?.double.flatMap(Int.init(exactly:)) }
        guard tree["type"]?.string == "segment", let id = whole("id"), id >= 0, let run = whole("run"),
            case .array(let bounds) = tree["frames"], bounds.count == 2,
            let first = bounds[0].double.flatMap(Int.init(exactly:)),
            let end = bounds[1].double.flatMap(Int.init(exactly:)), first <= end,
            let startTime = tree["start"]?.double, let endTime = tree["end"]?.double, let time = tree["time"]?.double,
            let tokensIn = whole("tokens_in"), let tokensOut = whole("tokens_out"),
            case .array(let queries) = tree["queries"]
        else { return nil }
        self.id = id
        self.run = run
        frames = first..<end
        start = startTime
        self.end = endTime
        self.time = time
        self.tokensIn = tokensIn
        self.tokensOut = tokensOut
        self.queries = queries.compactMap(\.string)
        file = tree["file"]?.string
        bytes = whole("bytes")
    }

    /// Reads a line; nil if it is none of a segment.
    init?(line: some StringProtocol) {
        guard let tree = try? JSONTree(parsing: Array(line.utf8), file: "index") else { return nil }
        self.init(tree)
    }
}

extension LiveGap {
    /// Whether a line of the index tells of a gap.
    static func isRecord(_ line: String) -> Bool {
        (try? JSONTree(parsing: Array(line.utf8), file: "index"))?["type"]?.string == "gap"
    }

    /// The gap as it stands in the index.
    ///
    /// - Parameter moment: When it was found.
    package func json(at moment: ContinuousClock.Instant) -> JSONValue {
        .members([
            "type": .string("gap"), "reason": .string(reason.rawValue), "detail": .string(detail),
            "since": since.map(JSONValue.number) ?? .null, "attempt": .integer(attempt),
            "time": .number(WallClock.seconds(at: moment)),
        ])
    }
}
