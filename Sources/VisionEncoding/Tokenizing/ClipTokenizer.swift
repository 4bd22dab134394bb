internal import TokenCore

/// CLIP's tokenizer: lower-cased words as bytes, joined by byte-pair encoding.
///
/// Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021.
///
/// Text is composed (NFC) and lower-cased, cut into words, single digits and runs of other characters without the white
/// space, and each word's UTF-8 bytes are spelt with GPT-2's printable alphabet. The last letter of a word carries
/// `</w>`. As in transformers 5; ftfy, which the oldest versions ran first, is not imitated.
struct ClipTokenizer: TextTokenizer {
    private let encoding: BytePairEncoding
    private let splitter: AddedTokenSplitter
    private let frame: ContextFrame

    var contextLength: Int { frame.length }

    init(_ definition: BytePairDefinition, settings: TokenizerSettings) throws(TokenReelError) {
        let end = "<|endoftext|>"
        encoding = try BytePairEncoding(definition, unknown: settings.text(of: "unk_token", default: end))
        var tokens = SpecialTokens(settings, file: definition.file) { definition.vocabulary[$0] }
        let prefix = try tokens.id(of: "bos_token", default: "<|startoftext|>")
        let suffix = try tokens.id(of: "eos_token", default: end)
        _ = try tokens.id(of: "unk_token", default: end)
        let padding = try tokens.id(of: "pad_token", default: end)
        frame = ContextFrame(
            length: settings.contextLength ?? 77, prefix: [prefix], suffix: [suffix], padding: padding,
            padsLeft: settings.padsLeft ?? false)
        splitter = AddedTokenSplitter(tokens.all)
    }

    func ids(for text: String) throws(TokenReelError) -> [Int32] {
        try check(text)
        return frame.framed(splitter.ids(for: text, normalized: Self.normalized, encoded: words))
    }

    private static func normalized(_ text: Substring.UnicodeScalarView) -> String.UnicodeScalarView {
        var lowered: [UInt8] = []
        for scalar in CanonicalComposition.composed(text) {
            lowered += scalar.properties.lowercaseMapping.utf8
        }
        return String(decoding: lowered, as: UTF8.self).unicodeScalars
    }

    private func words(of text: Substring.UnicodeScalarView) -> [Int32] {
        var ids: [Int32] = []
        var rest = text
        while let first = rest.first {
            let word: Substring.UnicodeScalarView
            if let mark = ["<|startoftext|>", "<|endoftext|>"].first(where: { rest.starts(with: $0.unicodeScalars) }) {
                // Only text that lower-casing turned into a mark gets here, and it is cut like other text, at once.
                let inner = rest.dropFirst(2).prefix(mark.unicodeScalars.count - 4)
                for piece in [rest.prefix(2), inner, rest.dropFirst(mark.unicodeScalars.count - 2).prefix(2)] {
                    ids += encoding.ids(ofWord: Self.spelt(piece))
                }
                rest = rest.dropFirst(mark.unicodeScalars.count)
                continue
            } else if let contraction = Self.contraction(rest) {
                word = rest.prefix(contraction)
            } else if Self.isLetter(first) {
                word = rest.prefix(while: Self.isLetter)
            } else if Self.isNumber(first) {
                word = rest.prefix(1)
            } else if first.properties.isWhitespace {
                rest = rest.dropFirst()
                continue
            } else {
                word = rest.prefix { !Self.isLetter($0) && !Self.isNumber($0) && !$0.properties.isWhitespace }
            }
            ids += encoding.ids(ofWord: Self.spelt(word))
            rest = rest[word.endIndex...]
        }
        return ids
    }

    /// The length of an English contraction's end, such as `'ll`; nil if the text does not begin with one.
    private static func contraction(_ text: Substring.UnicodeScalarView) -> Int? {
        guard text.first == "'" else { return nil }
        let letters = text.dropFirst().prefix(2)
        let pairs: [[Unicode.Scalar]] = [["r", "e"], ["v", "e"], ["l", "l"]]
        if let first = letters.first, ["s", "t", "m", "d"].contains(first) { return 2 }
        return pairs.contains { letters.elementsEqual($0) } ? 3 : nil
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    private static func isNumber(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: true
        default: false
        }
    }

    /// The UTF-8 bytes of a word in GPT-2's alphabet, a printable character for each byte.
    private static func spelt(_ word: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var spelt = String.UnicodeScalarView()
        for byte in Substring(word).utf8 { spelt.append(alphabet[Int(byte)]) }
        return spelt[...]
    }

    /// Printable Latin-1 stands for itself; the other bytes, in order, for U+0100 and up.
    private static let alphabet: [Unicode.Scalar] = {
        var next: UInt8 = 0
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
            default:
                defer { next += 1 }
                return Unicode.Scalar(0x100 + UInt16(next)) ?? " "
            }
        }
    }()
}
