public import TokenCore

/// Turns text into the numbers that a text tower reads.
public protocol TextTokenizer: Sendable {
    /// Numbers that ``ids(for:)`` returns, whatever the text.
    var contextLength: Int { get }

    /// The ids of a text with the model's marks around it, cut or padded to ``contextLength``.
    ///
    /// The ids equal those of transformers with `padding="max_length", truncation=True`: CLIP
    /// `<|startoftext|> … <|endoftext|>`, SigLIP and SigLIP2 `… </s>` or `… <eos>`, then padding.
    ///
    /// - Throws: ``TokenReelError/Code/limitExceeded`` for a text of more than a million bytes.
    func ids(for text: String) throws(TokenReelError) -> [Int32]
}

/// Reads the tokenizer of a checkpoint folder.
///
/// | files | tokenizer |
/// |---|---|
/// | `spiece.model` | SigLIP: SentencePiece unigram |
/// | `tokenizer.json` with byte fallback | SigLIP2: Gemma's byte-pair encoding |
/// | `tokenizer.json` with `</w>`, or `vocab.json` and `merges.txt` | CLIP: byte-pair encoding of bytes |
///
/// `tokenizer_config.json` and `special_tokens_map.json` are read where they exist.
///
/// - Parameters:
///   - folder: A Hugging Face checkpoint folder.
///   - contextLength: Ids per text, 2…8192; nil for the length that the folder states, or 77 for CLIP and 64 for SigLIP.
///   - lowercasesGemma: Whether SigLIP2's text is lower-cased first, as it was in training and as transformers'
///     `Siglip2Tokenizer` does; `GemmaTokenizer`, which the published folders name, does not.
/// - Throws: ``TokenReelError/Code/unreadableInput`` or ``TokenReelError/Code/unsupportedInput``, naming file and key.
public func loadTokenizer(
    folder: String, contextLength: Int? = nil, lowercasesGemma: Bool = true
) throws(TokenReelError) -> any TextTokenizer {
    if let contextLength, !TokenizerSettings.contextLengths.contains(contextLength) {
        throw TokenReelError(
            .invalidArgument, subject: "context length", found: "\(contextLength)",
            allowed: "\(TokenizerSettings.contextLengths)")
    }
    var settings = try TokenizerSettings(folder: folder)
    if let contextLength { settings.contextLength = contextLength }
    if let file = try ModelFile("spiece.model", in: folder) {
        return try SiglipTokenizer(file, settings: settings)
    }
    if let file = try ModelFile("tokenizer.json", in: folder) {
        let definition = try BytePairDefinition(file)
        settings.add(definition.addedTokens)
        if definition.endOfWord == "</w>", !definition.usesByteFallback {
            return try ClipTokenizer(definition, settings: settings)
        }
        if definition.endOfWord.isEmpty, definition.usesByteFallback {
            return try GemmaTokenizer(definition, settings: settings, lowercases: lowercasesGemma)
        }
        throw TokenReelError(
            .unsupportedInput, subject: "\(file.path), model", found: "byte-pair encoding of another family",
            allowed: "CLIP's (end_of_word_suffix \"</w>\") or Gemma's (byte_fallback)")
    }
    if let vocabulary = try ModelFile("vocab.json", in: folder) {
        guard let merges = try ModelFile("merges.txt", in: folder) else {
            throw TokenReelError(
                .unreadableInput, subject: folder, found: "vocab.json without merges.txt", allowed: "both files")
        }
        let definition = try BytePairDefinition(vocabulary: vocabulary, merges: merges, endOfWord: "</w>")
        return try ClipTokenizer(definition, settings: settings)
    }
    throw TokenReelError(
        .unreadableInput, subject: folder, found: "no tokenizer",
        allowed: "spiece.model, tokenizer.json, or vocab.json and merges.txt",
        remedy: "name the folder of a CLIP, SigLIP or SigLIP2 checkpoint")
}

extension TextTokenizer {
    /// Checks the one limit that all share; tokenizing needs some hundred bytes of memory for each byte of text.
    func check(_ text: String) throws(TokenReelError) {
        guard text.utf8.count <= 1_000_000 else {
            throw TokenReelError(
                .limitExceeded, subject: "query text", found: "\(text.utf8.count) bytes", allowed: "1,000,000 bytes")
        }
    }
}

/// Cuts to a length, leaving room for marks, and pads.
struct ContextFrame: Sendable {
    let length: Int
    let prefix: [Int32]
    let suffix: [Int32]
    let padding: Int32
    let padsLeft: Bool

    func framed(_ content: [Int32]) -> [Int32] {
        let room = max(length - prefix.count - suffix.count, 0)
        let ids = prefix + content.prefix(room) + suffix
        let pads = [Int32](repeating: padding, count: max(length - ids.count, 0))
        return Array((padsLeft ? pads + ids : ids + pads).prefix(length))
    }
}
