/// Reads JSON as RFC 8259 has it, with bounded depth.
struct JSONParser {
    struct Failure: Error {
        let found: String
        let offset: Int
    }

    private static let deepest = 64
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(Failure) -> JSONTree {
        let tree = try value(depth: 0)
        skipSpace()
        guard index == bytes.count else { throw failure("text after the value") }
        return tree
    }

    private func failure(_ found: String) -> Failure { Failure(found: found, offset: index) }

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[index]) { index += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONTree {
        guard depth < Self.deepest else { throw failure("values nested in more than \(Self.deepest) levels") }
        skipSpace()
        guard index < bytes.count else { throw failure("the end of the file instead of a value") }
        switch bytes[index] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"):
            index += 1
            var members: [(key: String, value: JSONTree)] = []
            if accept("}") { return .object(members) }
            repeat {
                skipSpace()
                let key = try string()
                guard accept(":") else { throw failure("a key without a colon") }
                members.append((key, try value(depth: depth + 1)))
            } while accept(",")
            guard accept("}") else { throw failure("an object without an end") }
            return .object(members)
        case UInt8(ascii: "["):
            index += 1
            var elements: [JSONTree] = []
            if accept("]") { return .array(elements) }
            repeat { elements.append(try value(depth: depth + 1)) } while accept(",")
            guard accept("]") else { throw failure("an array without an end") }
            return .array(elements)
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONTree) throws(Failure) -> JSONTree {
        for byte in "\(word)".utf8 {
            guard index < bytes.count, bytes[index] == byte else { throw failure("something that is not a value") }
            index += 1
        }
        return value
    }

    private mutating func number() throws(Failure) -> JSONTree {
        let start = index
        func digits(_ index: inout Int) -> Bool {
            let first = index
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
            return index > first
        }
        func isNext(_ characters: [UInt8]) -> Bool { index < bytes.count && characters.contains(bytes[index]) }
        if isNext([UInt8(ascii: "-")]) { index += 1 }
        let leading = index
        guard digits(&index) else { throw failure("something that is not a value") }
        guard index == leading + 1 || bytes[leading] != 0x30 else { throw failure("a number with a leading zero") }
        let whole = index
        if isNext([UInt8(ascii: ".")]) {
            index += 1
            guard digits(&index) else { throw failure("a number without digits after its point") }
        }
        if isNext([UInt8(ascii: "e"), UInt8(ascii: "E")]) {
            index += 1
            if isNext([UInt8(ascii: "-"), UInt8(ascii: "+")]) { index += 1 }
            guard digits(&index) else { throw failure("a number without digits in its exponent") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if index == whole, text != "-0", let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw failure("the number \(text.prefix(40))") }
        return .number(number)
    }

    private mutating func string() throws(Failure) -> String {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw failure("no string") }
        index += 1
        let start = index
        while index < bytes.count, bytes[index] >= 0x20, ![0x22, 0x5C].contains(bytes[index]) { index += 1 }
        guard index < bytes.count else { throw failure("a string without an end") }
        if bytes[index] == 0x22 {
            defer { index += 1 }
            return try text(bytes[start..<index])
        }
        var content = Array(bytes[start..<index])
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case 0x22: return try text(content[...])
            case 0x5C: try escape(into: &content)
            case 0..<0x20: throw failure("a control character in a string")
            default: content.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private func text(_ content: ArraySlice<UInt8>) throws(Failure) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { throw failure("a string that is not UTF-8") }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(Failure) {
        guard index < bytes.count else { throw failure("a string without an end") }
        let letter = bytes[index]
        index += 1
        switch letter {
        case 0x22, 0x5C, 0x2F: content.append(letter)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code), bytes[index...].starts(with: [0x5C, 0x75]) {
                index += 2
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            content.append(contentsOf: String(scalar).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard index < bytes.count, let digit = Character(Unicode.Scalar(bytes[index])).hexDigitValue else {
                throw failure("an escape without four hexadecimal digits")
            }
            code = code << 4 + UInt32(digit)
            index += 1
        }
        return code
    }
}
