internal import TokenCore

/// Reads JSON text value by value, as strictly as RFC 8259 allows, with bounded recursion.
///
/// `JSONDecoder` keeps one of two equal keys and says nothing, which lets two readers of one file see different
/// tensors; this scanner hands every key to the caller, who can refuse the second. Works on bytes that are known to be
/// valid UTF-8.
struct JSONScanner {
    private let bytes: [UInt8]
    private var index = 0

    /// Levels of arrays and objects that a skipped value may nest.
    static let deepest = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A refusal at the current place.
    func failure(_ found: String, allowed: String? = nil) -> TokenReelError {
        TokenReelError(
            .unreadableInput, subject: "safetensors header", found: "\(found) at byte \(index)", allowed: allowed)
    }

    // MARK: Structure

    /// Reads an object, calling `member` with each key; `member` reads the value.
    mutating func object(
        _ member: (String, inout JSONScanner) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        try sequence(from: "{", to: "}", what: "an object") { scanner throws(TokenReelError) in
            let key = try scanner.string()
            scanner.skipWhitespace()
            try scanner.expect(":", "a colon after a key")
            try member(key, &scanner)
        }
    }

    /// Reads an array, calling `element` at the start of each element; `element` reads it.
    mutating func array(_ element: (inout JSONScanner) throws(TokenReelError) -> Void) throws(TokenReelError) {
        try sequence(from: "[", to: "]", what: "an array", element)
    }

    private mutating func sequence(
        from open: Unicode.Scalar, to close: Unicode.Scalar, what: String,
        _ element: (inout JSONScanner) throws(TokenReelError) -> Void
    ) throws(TokenReelError) {
        skipWhitespace()
        try expect(open, what)
        skipWhitespace()
        if accept(close) { return }
        repeat {
            try element(&self)
            skipWhitespace()
        } while accept(",")
        try expect(close, "a comma or the end of \(what)")
    }

    /// Checks that nothing but white space is left.
    mutating func end() throws(TokenReelError) {
        skipWhitespace()
        guard index == bytes.count else { throw failure("text after the header's object", allowed: "spaces only") }
    }

    // MARK: Values

    /// Reads a whole number of digits only: no sign, fraction, exponent or leading zero.
    mutating func count() throws(TokenReelError) -> Int {
        skipWhitespace()
        let start = index
        var value = 0
        while index < bytes.count, case let digit = bytes[index], (0x30...0x39).contains(digit) {
            let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = tens.addingReportingOverflow(Int(digit - 0x30))
            guard !overflow1, !overflow2 else {
                throw failure("a number too large to be a size", allowed: "0 to \(Int.max)")
            }
            value = sum
            index += 1
        }
        let isPlain = index == bytes.count || ![0x2E, 0x45, 0x65].contains(bytes[index])  // . E e
        guard index > start, isPlain, index == start + 1 || bytes[start] != 0x30 else {
            throw failure("something other than a whole number", allowed: "digits only")
        }
        return value
    }

    /// Reads a string.
    mutating func string() throws(TokenReelError) -> String {
        skipWhitespace()
        try expect("\"", "a string")
        var text: [UInt8] = []
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                // The escapes yield whole scalars and the rest was valid before, so nothing gets repaired here.
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure("a control character in a string", allowed: "an escape")
            default: text.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(TokenReelError) {
        guard index < bytes.count else { throw failure("a string without an end") }
        let letter = bytes[index]
        index += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal()
            if (0xD800..<0xDC00).contains(value), accept("\\"), accept("u") {
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw failure("half of a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        default: throw failure("an unknown escape", allowed: "those of JSON")
        }
    }

    private mutating func hexadecimal() throws(TokenReelError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard index < bytes.count, let digit = Character(Unicode.Scalar(bytes[index])).hexDigitValue else {
                throw failure("an escape without four hexadecimal digits")
            }
            value = value << 4 + UInt32(digit)
            index += 1
        }
        return value
    }

    /// Reads past any value.
    mutating func skipValue(depth: Int = 0) throws(TokenReelError) {
        guard depth < Self.deepest else {
            throw failure("values nested too deeply", allowed: "\(Self.deepest) levels")
        }
        skipWhitespace()
        guard index < bytes.count else { throw failure("the end of the text instead of a value") }
        switch bytes[index] {
        case UInt8(ascii: "{"):
            var keys = Set<String>()
            try object { key, scanner throws(TokenReelError) in
                guard keys.insert(key).inserted else { throw scanner.failure("the key \"\(key)\" twice") }
                try scanner.skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "["): try array { scanner throws(TokenReelError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try skipNumber()
        }
    }

    private mutating func skipNumber() throws(TokenReelError) {
        _ = accept("-")
        let start = index
        try skipDigits()
        guard index == start + 1 || bytes[start] != 0x30 else { throw failure("a number with a leading zero") }
        if accept(".") { try skipDigits() }
        if accept("e") || accept("E") {
            if !accept("+") { _ = accept("-") }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(TokenReelError) {
        let start = index
        while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
        guard index > start else { throw failure("something that is not a JSON value") }
    }

    // MARK: Bytes

    private mutating func word(_ word: StaticString) throws(TokenReelError) {
        for byte in "\(word)".utf8 {
            guard index < bytes.count, bytes[index] == byte else { throw failure("something that is not a JSON value") }
            index += 1
        }
    }

    private mutating func skipWhitespace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar, _ what: String) throws(TokenReelError) {
        guard accept(character) else { throw failure("something other than \(what)", allowed: "\"\(character)\"") }
    }
}
