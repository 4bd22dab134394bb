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
        guard text.first == UInt8(ascii: "{") else {
            throw Self.invalid("a header that does not start with {", allowed: "a JSON object")
        }
        let tree = try JSONTree(parsing: text, file: "safetensors header")
        if let key = tree.repeatedKey { throw Self.invalid("the key \"\(key)\" twice", allowed: "distinct keys") }
        for (name, value) in try Self.members(of: tree, "the header") {
            if name == "__metadata__" {
                for (key, value) in try Self.members(of: value, name) {
                    guard let text = value.string else {
                        throw Self.invalid("\(value.summary) for the metadata key \"\(key)\"", allowed: "a string")
                    }
                    metadata[key] = text
                }
            } else {
                tensors[name] = try Self.entry(name, value)
            }
        }
        try checkCoverage(of: dataBytes)
    }

    private static func members(
        of tree: JSONTree, _ what: String
    ) throws(TokenReelError) -> [(key: String, value: JSONTree)] {
        guard case .object(let members) = tree else {
            throw invalid("\(tree.summary) for \(what)", allowed: "an object")
        }
        return members
    }

    private static func entry(_ name: String, _ tree: JSONTree) throws(TokenReelError) -> TensorEntry {
        _ = try members(of: tree, "tensor \"\(name)\"")
        func value(_ key: StaticString) throws(TokenReelError) -> JSONTree {
            guard let value = tree[key] else { throw invalid("no \(key) for tensor \"\(name)\"") }
            return value
        }
        let word = try value("dtype")
        guard let dtype = word.string.flatMap(DType.init(rawValue:)) else {
            throw TokenReelError(
                word.string == nil ? .unreadableInput : .unsupportedInput, subject: "tensor \"\(name)\"",
                found: "dtype \(word.summary)", allowed: DType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let shape = try counts(value("shape"), "the shape of tensor \"\(name)\"")
        let offsets = try counts(value("data_offsets"), "data_offsets of tensor \"\(name)\"")
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

    /// Whole numbers written with digits only.
    private static func counts(_ tree: JSONTree, _ what: String) throws(TokenReelError) -> [Int] {
        var counts: [Int] = []
        guard case .array(let elements) = tree else {
            throw invalid("\(tree.summary) for \(what)", allowed: "an array")
        }
        for element in elements {
            guard case .integer(let count) = element, count >= 0 else {
                throw invalid("\(element.summary) in \(what)", allowed: "whole numbers from 0 to \(Int.max)")
            }
            counts.append(count)
        }
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

    private static func invalid(_ found: String, allowed: String? = nil) -> TokenReelError {
        TokenReelError(.unreadableInput, subject: "safetensors header", found: found, allowed: allowed)
    }
}
