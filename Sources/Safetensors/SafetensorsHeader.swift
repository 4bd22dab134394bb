internal import TokenCore

/// Where one tensor lies in a file, and what it holds.
public struct TensorEntry: Sendable, Equatable {
    /// Element type.
    public let dtype: DType
    /// Sizes, slowest first; empty for a single number.
    public let shape: [Int]
    /// Bytes of the tensor, counted from the end of the header.
    public let span: Range<Int>

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }
}

/// The JSON part of a safetensors file, parsed and checked against the size of the data that follows it.
struct SafetensorsHeader {
    var metadata: [String: String] = [:]
    var tensors: [String: TensorEntry] = [:]

    /// Bytes a header may take; the format allows 100 MB, and the largest published checkpoints need under 1 MB.
    static let largest = 10_000_000

    /// Reads `text`, the header without its length, for a data part of `dataBytes` bytes.
    init(parsing text: [UInt8], dataBytes: Int) throws(TokenReelError) {
        guard String(validating: text, as: UTF8.self) != nil else {
            throw Self.invalid("text that is not UTF-8", allowed: "JSON in UTF-8")
        }
        guard text.first == UInt8(ascii: "{") else {
            throw Self.invalid("a header that does not start with {", allowed: "a JSON object")
        }
        var scanner = JSONScanner(text)
        var seenMetadata = false
        try scanner.object { name, scanner throws(TokenReelError) in
            if name == "__metadata__" {
                guard !seenMetadata else { throw Self.twice(name) }
                seenMetadata = true
                try readMetadata(&scanner)
            } else {
                guard tensors[name] == nil else { throw Self.twice(name) }
                tensors[name] = try Self.entry(name, &scanner)
            }
        }
        try scanner.end()
        try checkCoverage(of: dataBytes)
    }

    private mutating func readMetadata(_ scanner: inout JSONScanner) throws(TokenReelError) {
        try scanner.object { key, scanner throws(TokenReelError) in
            guard metadata[key] == nil else { throw Self.twice(key) }
            metadata[key] = try scanner.string()
        }
    }

    private static func entry(_ name: String, _ scanner: inout JSONScanner) throws(TokenReelError) -> TensorEntry {
        var dtype: DType?
        var shape: [Int]?
        var offsets: [Int]?
        var keys = Set<String>()
        try scanner.object { key, scanner throws(TokenReelError) in
            guard keys.insert(key).inserted else { throw twice("\(name).\(key)") }
            switch key {
            case "dtype":
                let word = try scanner.string()
                guard let known = DType(rawValue: word) else {
                    throw TokenReelError(
                        .unsupportedInput, subject: "tensor \"\(name)\"", found: "dtype \"\(word)\"",
                        allowed: DType.allCases.map(\.rawValue).joined(separator: ", "))
                }
                dtype = known
            case "shape": shape = try counts(&scanner)
            case "data_offsets": offsets = try counts(&scanner)
            default: try scanner.skipValue()
            }
        }
        guard let dtype, let shape, let offsets else {
            let missing = [dtype == nil ? "dtype" : nil, shape == nil ? "shape" : nil].compactMap(\.self).first
            throw invalid("no \(missing ?? "data_offsets") for tensor \"\(name)\"")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw invalid("data_offsets \(offsets.prefix(4)) for tensor \"\(name)\"", allowed: "[start, end]")
        }
        guard let bytes = byteCount(shape, dtype) else {
            throw invalid("a shape of tensor \"\(name)\" whose size overflows or ends within a byte")
        }
        guard bytes == offsets[1] - offsets[0] else {
            throw invalid(
                "\(offsets[1] - offsets[0]) bytes for tensor \"\(name)\"",
                allowed: "\(bytes) for \(dtype.rawValue) \(shape)")
        }
        return TensorEntry(dtype: dtype, shape: shape, span: offsets[0]..<offsets[1])
    }

    private static func counts(_ scanner: inout JSONScanner) throws(TokenReelError) -> [Int] {
        var counts: [Int] = []
        try scanner.array { scanner throws(TokenReelError) in counts.append(try scanner.count()) }
        return counts
    }

    /// Bytes of a tensor, or nil if the number overflows or is not whole.
    static func byteCount(_ shape: [Int], _ dtype: DType) -> Int? {
        var elements = 1
        for size in shape {
            let (product, overflow) = elements.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            elements = product
        }
        let (bits, overflow) = elements.multipliedReportingOverflow(by: dtype.bits)
        return overflow || !bits.isMultiple(of: 8) ? nil : bits / 8
    }

    /// Every byte of the data belongs to exactly one tensor: a gap could hide content, an overlap could alias it.
    private func checkCoverage(of dataBytes: Int) throws(TokenReelError) {
        let inOrder = tensors.sorted {
            ($0.value.span.lowerBound, $0.value.span.upperBound) < ($1.value.span.lowerBound, $1.value.span.upperBound)
        }
        var end = 0
        for (name, entry) in inOrder {
            guard entry.span.lowerBound == end else {
                let what = entry.span.lowerBound < end ? "an overlap" : "a gap"
                throw Self.invalid(
                    "\(what) before tensor \"\(name)\" at byte \(entry.span.lowerBound)", allowed: "a start at \(end)")
            }
            end = entry.span.upperBound
        }
        guard end == dataBytes else {
            throw Self.invalid("\(dataBytes) bytes of data", allowed: "\(end), which the header describes")
        }
    }

    private static func twice(_ key: String) -> TokenReelError {
        invalid("the key \"\(key)\" twice", allowed: "distinct keys")
    }

    private static func invalid(_ found: String, allowed: String? = nil) -> TokenReelError {
        TokenReelError(.unreadableInput, subject: "safetensors header", found: found, allowed: allowed)
    }
}
