internal import TokenCore

/// Gemma's tokenizer as SigLIP2 uses it: byte-pair encoding of the whole text, spaces written as `▁`.
///
/// Characters that the vocabulary lacks fall apart into bytes. Nothing cuts the text before the merges do.
struct GemmaTokenizer: TextTokenizer {
    private let encoding: BytePairEncoding
    private let splitter: AddedTokenSplitter
    private let frame: ContextFrame
    private let lowercases: Bool

    var contextLength: Int { frame.length }

    init(
        _ definition: BytePairDefinition, settings: TokenizerSettings, lowercases: Bool
    ) throws(TokenReelError) {
        encoding = try BytePairEncoding(definition, unknown: settings.text(of: "unk_token", default: "<unk>"))
        self.lowercases = lowercases
        var tokens = SpecialTokens(settings, file: definition.file) { definition.vocabulary[$0] }
        let beginning = try tokens.id(of: "bos_token", default: "<bos>")
        let end = try tokens.id(of: "eos_token", default: "<eos>")
        _ = try tokens.id(of: "unk_token", default: "<unk>")
        let padding = try tokens.id(of: "pad_token", default: "<pad>")
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        if settings.addsBeginning != nil || settings.addsEnd != nil {
            if settings.addsBeginning == true { prefix = [beginning] }
            if settings.addsEnd == true { suffix = [end] }
        } else {
            for text in definition.prefix { prefix.append(try tokens.id(ofToken: text)) }
            for text in definition.suffix { suffix.append(try tokens.id(ofToken: text)) }
        }
        frame = ContextFrame(
            length: settings.contextLength ?? 64, prefix: prefix, suffix: suffix, padding: padding,
            padsLeft: settings.padsLeft ?? true)
        splitter = AddedTokenSplitter(tokens.all)
    }

    func ids(for text: String) throws(TokenReelError) -> [Int32] {
        try check(text)
        return frame.framed(splitter.ids(for: text, normalized: written, encoded: encoding.ids(ofWord:)))
    }

    private func written(_ text: Substring.UnicodeScalarView) -> String.UnicodeScalarView {
        // Bytes, because a view of scalars is copied whole for every string that is appended to it.
        var written: [UInt8] = []
        for scalar in text {
            if scalar == " " {
                written += "▁".utf8
            } else if lowercases {
                written += scalar.properties.lowercaseMapping.utf8
            } else {
                written += scalar.utf8
            }
        }
        return String(decoding: written, as: UTF8.self).unicodeScalars
    }
}
