internal import TokenCore

/// Reads the fields of a protocol-buffer message one after another, trusting none of its lengths.
struct ProtobufReader {
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
        case fixed32(UInt32)
        case fixed64(UInt64)
    }

    private let file: String
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>, file: String) {
        rest = bytes
        self.file = file
    }

    func failure(_ found: String) -> TokenReelError {
        TokenReelError(
            .unreadableInput, subject: file, found: "\(found) at byte \(rest.startIndex)",
            allowed: "a SentencePiece model")
    }

    /// The next field's number and value; nil at the end.
    mutating func next() throws(TokenReelError) -> (field: UInt64, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        let field = tag >> 3
        guard field > 0 else { throw failure("a field without a number") }
        switch tag & 7 {
        case 0: return (field, .number(try varint()))
        case 1: return (field, .fixed64(try little(8)))
        case 2:
            let count = try varint()
            guard count <= UInt64(rest.count) else { throw failure("a field of \(count) bytes beyond the end") }
            defer { rest = rest.dropFirst(Int(count)) }
            return (field, .bytes(rest.prefix(Int(count))))
        case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try little(4))))
        default: throw failure("a field of an unknown kind")
        }
    }

    private mutating func varint() throws(TokenReelError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw failure("the end inside a number") }
            value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            if byte < 0x80 { return value }
        }
        throw failure("a number of more than ten bytes")
    }

    private mutating func little(_ count: Int) throws(TokenReelError) -> UInt64 {
        guard rest.count >= count else { throw failure("the end inside a number") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
