internal import TokenCore

/// SigLIP's tokenizer: text in lower case without punctuation, cut by a SentencePiece unigram model.
///
/// Equal to transformers' `SiglipTokenizer`, oddities included: each stretch of text between special tokens is encoded
/// behind the text of the unknown token, whose pieces are counted off again, so that SentencePiece does not strip the
/// leading `▁`.
struct SiglipTokenizer: TextTokenizer {
    private static let underline: Unicode.Scalar = "▁"
    private let normalizer: SentencePieceNormalizer
    private let encoding: UnigramEncoding
    /// Ids by text, for runs of unknown characters that together spell a piece.
    private let ids: PrefixTree
    private let byteIDs: [Int32]
    private let unknown: Int32
    private let end: Int32
    private let unknownText: String
    /// Pieces that the text of the unknown token alone is cut into.
    private var unknownCount = 0
    private let special: AddedTokenSplitter
    private let lowercases: Bool
    private let frame: ContextFrame

    var contextLength: Int { frame.length }

    init(_ file: ModelFile, settings: TokenizerSettings) throws(TokenReelError) {
        let model = try SentencePieceModel(file)
        normalizer = try SentencePieceNormalizer(model)
        encoding = UnigramEncoding(model)
        lowercases = settings.lowercases
        var ids = PrefixTree()
        for (id, piece) in model.pieces.enumerated() { ids.insert(piece.text.utf8, value: Int32(id)) }
        self.ids = ids
        func id(_ text: String) -> Int32? {
            guard let match = ids.longestPrefix(of: text.utf8), match.count == text.utf8.count else { return nil }
            return match.value
        }
        guard let unknown = model.pieces.firstIndex(where: { $0.kind == .unknown }) else {
            throw TokenReelError(
                .unreadableInput, subject: file.path, found: "no unknown piece", allowed: "a piece of kind 2")
        }
        self.unknown = Int32(unknown)
        var byteIDs: [Int32] = []
        if model.usesByteFallback {
            for byte in 0...255 {
                let digits = String(byte, radix: 16, uppercase: true)
                byteIDs.append(id("<0x\(byte < 16 ? "0" : "")\(digits)>") ?? self.unknown)
            }
        }
        self.byteIDs = byteIDs

        var tokens = SpecialTokens(settings, file: file.path) { id($0) }
        end = try tokens.id(of: "eos_token", default: "</s>", stripsSpace: true)
        _ = try tokens.id(of: "unk_token", default: "<unk>", stripsSpace: true)
        let padding = try tokens.id(of: "pad_token", default: "</s>", stripsSpace: true)
        unknownText = settings.text(of: "unk_token", default: "<unk>")
        special = AddedTokenSplitter(tokens.all)
        frame = ContextFrame(
            length: settings.contextLength ?? 64, prefix: [], suffix: [], padding: padding,
            padsLeft: settings.padsLeft ?? false)
        unknownCount = pieces(of: unknownText).count
    }

    func ids(for text: String) throws(TokenReelError) -> [Int32] {
        try check(text)
        var marked = String.UnicodeScalarView([Self.underline])
        for scalar in text.unicodeScalars { marked.append(scalar == Self.underline ? " " : scalar) }
        let all = special.ids(for: String(marked), normalized: { String.UnicodeScalarView($0) }) { text in
            let pieces = pieces(of: unknownText + canonical(text))
            return pieces.count >= unknownCount ? Array(pieces.dropFirst(unknownCount)) : pieces
        }
        // Cut first, and the end is not repeated where the text ends with it.
        var ids = Array(all.prefix(frame.length - 1))
        if ids.last != end { ids.append(end) }
        return frame.framed(ids)
    }

    /// The ids of a text as SentencePiece gives them: neighbouring unknown characters are one piece.
    private func pieces(of text: String) -> [Int32] {
        let bytes = normalizer.normalized(text)
        var result: [Int32] = []
        var run: Range<Int>?
        func closeRun() {
            guard let characters = run else { return }
            let match = ids.longestPrefix(of: bytes[characters])
            result.append(match?.count == characters.count ? match?.value ?? unknown : unknown)
            run = nil
        }
        for (range, id) in encoding.pieces(of: bytes) {
            if id >= 0 {
                closeRun()
                result.append(id)
            } else if !byteIDs.isEmpty {
                result += bytes[range].map { byteIDs[Int($0)] }
            } else {
                run = (run?.lowerBound ?? range.lowerBound)..<range.upperBound
            }
        }
        closeRun()
        return result
    }

    // MARK: Canonical text

    /// Lower case as Python has it, no ASCII punctuation, single spaces, none at the ends.
    private func canonical(_ text: Substring.UnicodeScalarView) -> String {
        var canonical: [UInt8] = []
        var isApart = false
        for scalar in lowercases ? PythonText.lowercased(text)[...] : text {
            switch scalar {
            case "!"..."/", ":"..."@", "["..."`", "{"..."~": continue
            case let scalar where PythonText.isSpace(scalar): isApart = true
            default:
                if isApart, !canonical.isEmpty { canonical.append(UInt8(ascii: " ")) }
                isApart = false
                canonical += scalar.utf8
            }
        }
        return String(decoding: canonical, as: UTF8.self)
    }
}

/// Where Python's strings differ from Unicode's plain rules.
enum PythonText {
    /// White space, and the four information separators.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
    }

    /// Lower case with the one rule that looks at neighbours: a capital sigma that ends a word becomes `ς`.
    static func lowercased(_ text: Substring.UnicodeScalarView) -> String.UnicodeScalarView {
        let scalars = Array(text)
        var lowered: [UInt8] = []
        for (index, scalar) in scalars.enumerated() {
            guard scalar == "Σ" else {
                lowered += scalar.properties.lowercaseMapping.utf8
                continue
            }
            let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
            let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
            let endsWord = before?.properties.isCased == true && after?.properties.isCased != true
            lowered += (endsWord ? "ς" : "σ").utf8
        }
        return String(decoding: lowered, as: UTF8.self).unicodeScalars
    }
}
