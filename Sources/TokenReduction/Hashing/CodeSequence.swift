internal import TensorOps
internal import TokenCore

/// The codes of a grid in few bits, given back exactly.
///
/// Codes are read along time at each place of the frame, where they repeat. Three ways are tried and the shortest is
/// kept: every code in equal bits; runs of equal codes, their lengths in Elias' gamma code; or the fewest entries of a
/// ``CodeVocabulary`` learnt on them, which is stored in front. Cost: O(N) for N codes, times the merges learnt.
public struct CodeSequence: Sendable, Equatable {
    /// How codes are written.
    public enum Scheme: String, Sendable, CaseIterable {
        /// Every code in equal bits.
        case plain
        /// Each run of equal codes as the code and the length of the run.
        case runs
        /// Entries of a vocabulary of frequent sequences.
        case pairs
    }

    /// The way that was shortest, of equals the first.
    public let scheme: Scheme
    /// The bits, the first in the lowest place of the first byte.
    public let bytes: [UInt8]
    /// Bits that are used.
    public let bitCount: Int
    /// How many codes there are.
    public let count: Int

    private let places: Int
    private let base: Int

    /// A vocabulary is learnt from about this many codes, and has at most so many entries of its own.
    private static let sample = 1 << 14
    private static let mergeLimit = 255
    private static let mergeCountBits = 8

    /// Encodes the codes `[frames, places]` in the shortest way, or in a given one.
    ///
    /// - Precondition: Whole frames of codes in `0 ..< base`.
    public init(_ codes: [Int32], places: Int, base: Int, scheme: Scheme? = nil) {
        precondition(codes.isEmpty || codes.count.isMultiple(of: places), "whole frames of codes")
        let streams = (0..<(codes.isEmpty ? 0 : places)).map { place in
            stride(from: place, to: codes.count, by: places).map { codes[$0] }
        }
        let written = (scheme.map { [$0] } ?? Scheme.allCases).map { ($0, Self.written(streams, base, as: $0)) }
        let best = written.dropFirst().reduce(written[0]) { $1.1.bitCount < $0.1.bitCount ? $1 : $0 }
        self.scheme = best.0
        bytes = best.1.finished
        bitCount = best.1.bitCount
        count = codes.count
        self.places = places
        self.base = base
    }

    /// The codes `[frames, places]`.
    public var codes: [Int32] {
        guard count > 0 else { return [] }
        let streams = readStreams()
        let frames = count / places
        return (0..<count).map { streams[$0 % places * frames + $0 / places] }
    }

    private static func written(_ streams: [[Int32]], _ base: Int, as scheme: Scheme) -> BitWriter {
        var writer = BitWriter()
        let width = bits(for: base)
        switch scheme {
        case .plain:
            for code in streams.joined() { writer.append(Int(code), bits: width) }
        case .runs:
            let codes = Array(streams.joined())
            var start = 0
            while start < codes.count {
                let end = codes[start...].firstIndex { $0 != codes[start] } ?? codes.count
                writer.append(Int(codes[start]), bits: width)
                writer.appendGamma(end - start)
                start = end
            }
        case .pairs:
            let length = max(streams.first?.count ?? 1, 1)
            let step = max(1, streams.count * length / sample)
            let vocabulary = CodeVocabulary(
                learningFrom: stride(from: 0, to: streams.count, by: step).map { streams[$0] }, base: base,
                merges: mergeLimit)
            let wide = bits(for: vocabulary.count)
            writer.append(vocabulary.merges.count, bits: mergeCountBits)
            for merge in vocabulary.merges {
                writer.append(Int(merge.left), bits: wide)
                writer.append(Int(merge.right), bits: wide)
            }
            for stream in streams {
                for entry in vocabulary.fewestEntries(for: stream) { writer.append(Int(entry), bits: wide) }
            }
        }
        return writer
    }

    /// The codes of the first place over time, then of the second, and so on.
    private func readStreams() -> [Int32] {
        var reader = BitReader(bytes)
        let width = Self.bits(for: base)
        var codes: [Int32] = []
        switch scheme {
        case .plain:
            codes = (0..<count).map { _ in Int32(reader.next(width)) }
        case .runs:
            while codes.count < count {
                let code = Int32(reader.next(width))
                codes += Array(repeating: code, count: reader.nextGamma())
            }
        case .pairs:
            let merges = reader.next(Self.mergeCountBits)
            let wide = Self.bits(for: base + merges)
            let vocabulary = CodeVocabulary(
                base: base,
                merges: (0..<merges).map { _ in (Int32(reader.next(wide)), Int32(reader.next(wide))) })
            while codes.count < count { codes += vocabulary.expansions[reader.next(wide)] }
        }
        return codes
    }

    /// Bits that name one of `count` things.
    static func bits(for count: Int) -> Int {
        max(count - 1, 0) == 0 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }
}

extension BitWriter {
    /// A number of 1 or more: as many zeros as it has bits after the first, then its bits from the highest.
    fileprivate mutating func appendGamma(_ number: Int) {
        let width = Int.bitWidth - number.leadingZeroBitCount
        for _ in 1..<width { append(0, bits: 1) }
        for bit in (0..<width).reversed() { append(number >> bit & 1, bits: 1) }
    }
}

extension BitReader {
    fileprivate mutating func nextGamma() -> Int {
        var more = 0
        while next(1) == 0 { more += 1 }
        return (0..<more).reduce(1) { number, _ in number << 1 | next(1) }
    }
}
