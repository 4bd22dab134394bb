internal import TokenCore

/// The pairs after the question mark of an address, in order.
struct QueryString {
    let pairs: [(name: String, value: String)]

    /// - Throws: ``TokenReelError/Code/invalidArgument`` for an escape that is none.
    init(_ text: String?) throws(TokenReelError) {
        var pairs: [(String, String)] = []
        for part in (text ?? "").split(separator: "&") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            pairs.append((try Self.unescaped(sides[0]), sides.count > 1 ? try Self.unescaped(sides[1]) : ""))
        }
        self.pairs = pairs
    }

    private static func unescaped(_ text: Substring) throws(TokenReelError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                    let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
                else { throw malformed }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        guard let result = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else { throw malformed }
        return result
    }

    private static let malformed = TokenReelError(
        .invalidArgument, subject: "query string", found: "an escape that is none",
        allowed: "UTF-8 text, escaped with % and two digits")
}
