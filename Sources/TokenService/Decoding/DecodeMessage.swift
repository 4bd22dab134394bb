internal import Essentials
internal import TokenCore
internal import VideoDecoding

/// What a decoding process says on its standard output: a byte for the kind, eight for the length, the payload.
///
/// Numbers are little-endian. The reader takes nothing on trust: the process may be in the hands of the video.
enum DecodeMessage {
    /// The container was understood.
    case opened(Opening)
    /// The next wanted frame.
    case frame(VideoFrame)
    /// There are no more frames.
    case finished(DecodeStatistics)
    /// Decoding came to nothing.
    case failed(TokenReelError)

    struct Opening: Codable, Sendable {
        let info: VideoInfo
        let expectedFrames: Int?
        let frameIndices: [Int]?
        let sampledRate: Double?
        let statistics: DecodeStatistics
    }

    /// The kind on the wire.
    enum Kind: UInt8 { case opened = 1, frame, finished, failed }

    static let headerBytes = 9
    /// Width, height, ticks and time base of a frame, ahead of its pixels.
    static let frameHeaderBytes = 24
    /// The longest payload besides a frame's.
    static let largestText = 1 << 20

    /// The bytes on the wire.
    func encoded() throws -> [UInt8] {
        switch self {
        case .opened(let opening): try Self.message(.opened, Array(JSONEncoder().encode(opening)))
        case .finished(let statistics): try Self.message(.finished, Array(JSONEncoder().encode(statistics)))
        case .failed(let error): try Self.message(.failed, Array(JSONEncoder().encode(error)))
        case .frame(let frame):
            Self.message(
                .frame,
                Self.bytes(UInt32(frame.width)) + Self.bytes(UInt32(frame.height)) + Self.bytes(frame.pts.ticks)
                    + Self.bytes(frame.pts.timeBase.numerator) + Self.bytes(frame.pts.timeBase.denominator)
                    + frame.pixels)
        }
    }

    /// Reads a payload; nil if it is none that a sound process would send.
    init?(_ kind: Kind, _ payload: [UInt8]) {
        func decoded<Value: Decodable>(_ type: Value.Type) -> Value? {
            try? JSONDecoder().decode(type, from: Data(payload))
        }
        switch kind {
        case .opened:
            guard let opening = decoded(Opening.self) else { return nil }
            self = .opened(opening)
        case .finished:
            guard let statistics = decoded(DecodeStatistics.self) else { return nil }
            self = .finished(statistics)
        case .failed:
            guard let error = decoded(TokenReelError.self) else { return nil }
            self = .failed(error)
        case .frame:
            guard payload.count >= Self.frameHeaderBytes else { return nil }
            let width = Int(Self.number(payload, 0, UInt32.self))
            let height = Int(Self.number(payload, 4, UInt32.self))
            let terms = (Self.number(payload, 16, Int32.self), Self.number(payload, 20, Int32.self))
            guard let timeBase = Rational(terms.0, terms.1), terms.0 > 0,
                payload.count == Self.frameHeaderBytes + 3 * width * height
            else { return nil }
            self = .frame(
                VideoFrame(
                    width: width, height: height, pixels: Array(payload[Self.frameHeaderBytes...]),
                    pts: MediaTime(ticks: Self.number(payload, 8, Int64.self), timeBase: timeBase)))
        }
    }

    /// The kind and the length of the payload that a header announces.
    static func header(_ bytes: [UInt8]) -> (Kind, Int)? {
        guard bytes.count == headerBytes, let kind = Kind(rawValue: bytes[0]),
            let length = Int(exactly: number(bytes, 1, UInt64.self))
        else { return nil }
        return (kind, length)
    }

    private static func message(_ kind: Kind, _ payload: [UInt8]) -> [UInt8] {
        [kind.rawValue] + bytes(UInt64(payload.count)) + payload
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }

    private static func number<Value: FixedWidthInteger>(_ bytes: [UInt8], _ place: Int, _: Value.Type) -> Value {
        bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Value.self)) }
    }
}
