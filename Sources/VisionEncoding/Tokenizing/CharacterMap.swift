internal import TokenCore

/// SentencePiece's precompiled rules: byte strings and what replaces them, in a double-array trie.
///
/// The bytes are a 32-bit length, the trie of 32-bit units (Darts-clone), and replacements that end with a zero byte.
/// A unit holds a label in bits 0…7, whether a leaf follows in bit 8, and the distance to its children in bits 10…30,
/// times 256 if bit 9 is set; a leaf holds the place of its replacement in bits 0…30. Every step is checked against the
/// size, so hostile bytes at worst replace text by other text.
struct CharacterMap: Sendable {
    /// Bytes of a rule's text and of what replaces it; the longest of Unicode's have 33.
    private static let longest = 256
    private let units: [UInt32]
    private let replacements: [UInt8]

    init(_ bytes: ArraySlice<UInt8>, file: String) throws(TokenReelError) {
        guard !bytes.isEmpty else {
            units = []
            replacements = []
            return
        }
        func refusal(_ found: String) -> TokenReelError {
            TokenReelError(
                .unreadableInput, subject: "\(file), precompiled_charsmap", found: found,
                allowed: "a length, a trie of whole 32-bit units, and replacements that end with a zero byte")
        }
        func word(_ slice: ArraySlice<UInt8>) -> UInt32 { slice.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        guard bytes.count >= 4 else { throw refusal("\(bytes.count) bytes") }
        let size = Int(word(bytes.prefix(4)))
        let rest = bytes.dropFirst(4)
        guard size > 0, size.isMultiple(of: 4), size < rest.count else {
            throw refusal("a trie of \(size) bytes in \(rest.count)")
        }
        guard rest.last == 0 else { throw refusal("a replacement without an end") }
        let longest = rest.dropFirst(size).split(separator: 0).reduce(0) { max($0, $1.count) }
        guard longest <= Self.longest else { throw refusal("a replacement of \(longest) bytes") }
        units = stride(from: rest.startIndex, to: rest.startIndex + size, by: 4).map { word(rest[$0..<$0 + 4]) }
        replacements = Array(rest.dropFirst(size))
    }

    /// The longest rule that applies at the start of `text`: how many bytes it takes, and what replaces them.
    func longestRule(for text: ArraySlice<UInt8>) -> (count: Int, replacement: ArraySlice<UInt8>)? {
        guard var unit = units.first else { return nil }
        var node = Self.distance(unit)
        var found: (count: Int, place: Int)?
        for (count, byte) in text.prefix(Self.longest).enumerated() {
            node ^= Int(byte)
            guard node < units.count else { break }
            unit = units[node]
            guard unit & 0x8000_00FF == UInt32(byte) else { break }
            node ^= Self.distance(unit)
            guard node < units.count else { break }
            if unit >> 8 & 1 == 1 { found = (count + 1, Int(units[node] & 0x7FFF_FFFF)) }
        }
        guard let found, found.place < replacements.count else { return nil }
        return (found.count, replacements[found.place...].prefix { $0 != 0 })
    }

    private static func distance(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }
}

/// SentencePiece's normaliser: rules applied from left to right, spaces tidied and written as `▁`.
struct SentencePieceNormalizer: Sendable {
    private static let space = Array("▁".utf8)
    private let map: CharacterMap
    private let userDefined: PrefixTree
    private let addsDummyPrefix: Bool
    private let removesExtraWhitespace: Bool
    private let escapesWhitespace: Bool

    init(_ model: SentencePieceModel) throws(TokenReelError) {
        map = try CharacterMap(model.characterMap, file: model.file)
        var userDefined = PrefixTree()
        for (index, piece) in model.pieces.enumerated() where piece.kind == .userDefined {
            userDefined.insert(piece.text.utf8, value: Int32(index))
        }
        self.userDefined = userDefined
        addsDummyPrefix = model.addsDummyPrefix
        removesExtraWhitespace = model.removesExtraWhitespace
        escapesWhitespace = model.escapesWhitespace
    }

    /// Valid UTF-8 in, valid UTF-8 out, unless rules of a hostile model cut characters apart.
    func normalized(_ text: String) -> [UInt8] {
        var rest = Array(text.utf8)[...]
        let space = escapesWhitespace ? Self.space : [0x20]
        if removesExtraWhitespace {
            while let (count, replacement) = rule(for: rest), replacement.elementsEqual([0x20]) {
                rest = rest.dropFirst(count)
            }
        }
        guard !rest.isEmpty else { return [] }
        var output: [UInt8] = addsDummyPrefix ? space : []
        var endsWithSpace = removesExtraWhitespace
        while let (count, replacement) = rule(for: rest) {
            var written = replacement
            while endsWithSpace, written.first == 0x20 { written = written.dropFirst() }
            for byte in written {
                if byte == 0x20 { output += space } else { output.append(byte) }
            }
            if let last = written.last { endsWithSpace = last == 0x20 }
            rest = rest.dropFirst(count)
            if !removesExtraWhitespace { endsWithSpace = false }
        }
        if removesExtraWhitespace {
            while output.suffix(space.count).elementsEqual(space) { output.removeLast(space.count) }
        }
        return output
    }

    /// What the start of the text becomes; a whole character at least, since the text is valid.
    private func rule(for text: ArraySlice<UInt8>) -> (count: Int, replacement: ArraySlice<UInt8>)? {
        guard let first = text.first else { return nil }
        if let symbol = userDefined.longestPrefix(of: text) { return (symbol.count, text.prefix(symbol.count)) }
        if let rule = map.longestRule(for: text) { return rule }
        let count = min(UTF8Length.of(first), text.count)
        return (count, text.prefix(count))
    }
}

/// Bytes of the character that a byte begins; 1 for bytes that begin none.
enum UTF8Length {
    static func of(_ byte: UInt8) -> Int {
        switch byte {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }
}
