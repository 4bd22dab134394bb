internal import TokenCore

/// A byte-pair tokenizer as files define it: `tokenizer.json`, or `vocab.json` with `merges.txt`.
struct BytePairDefinition: Sendable {
    /// Path, as errors name it.
    let file: String
    let vocabulary: Vocabulary
    /// Pairs to join, the first learnt first.
    let merges: [(left: String, right: String)]
    /// What is appended to a word's last character.
    let endOfWord: String
    let usesByteFallback: Bool
    let joinsUnknown: Bool
    let addedTokens: [AddedToken]
    /// Ids that the file's post-processor puts before and behind a text.
    let prefix: [String]
    let suffix: [String]

    /// Reads `tokenizer.json`.
    init(_ file: ModelFile) throws(TokenReelError) {
        let tree = try file.json()
        func refusal(_ key: String, _ value: JSONTree?, _ allowed: String) -> TokenReelError {
            TokenReelError(
                .unsupportedInput, subject: "\(file.path), \(key)", found: value?.summary ?? "nothing",
                allowed: allowed)
        }
        guard let model = tree["model"], case .object = model else {
            throw refusal("model", tree["model"], "an object")
        }
        if let type = model["type"], type.string != "BPE" {
            throw refusal("model.type", type, "\"BPE\", or a spiece.model beside it")
        }
        if case .boolean(true)? = model["ignore_merges"] {
            throw refusal("model.ignore_merges", model["ignore_merges"], "false")
        }
        if let prefix = model["continuing_subword_prefix"], !prefix.isNull, prefix.string != "" {
            throw refusal("model.continuing_subword_prefix", prefix, "none")
        }
        func flag(_ key: StaticString) -> Bool {
            if case .boolean(true)? = model[key] { true } else { false }
        }
        self.file = file.path
        vocabulary = try Vocabulary(model["vocab"] ?? .null, file: "\(file.path), model.vocab")
        endOfWord = model["end_of_word_suffix"]?.string ?? ""
        usesByteFallback = flag("byte_fallback")
        joinsUnknown = flag("fuse_unk")

        guard case .array(let pairs)? = model["merges"] else {
            throw refusal("model.merges", model["merges"], "an array")
        }
        var merges: [(left: String, right: String)] = []
        merges.reserveCapacity(pairs.count)
        for pair in pairs {
            // Up to tokenizers 0.19 a line of text; since then two strings.
            if let line = pair.string, let merge = Self.merge(line[...]) {
                merges.append(merge)
            } else if case .array(let sides) = pair, sides.count == 2, let left = sides[0].string,
                let right = sides[1].string
            {
                merges.append((left, right))
            } else {
                throw refusal("model.merges", pair, "two tokens")
            }
        }
        self.merges = merges

        var added: [AddedToken] = []
        if case .array(let elements)? = tree["added_tokens"] {
            for element in elements {
                guard let token = AddedToken(element) else { throw refusal("added_tokens", element, "id and content") }
                added.append(token)
            }
        }
        addedTokens = added
        (prefix, suffix) = Self.frame(tree["post_processor"])
    }

    /// Reads `vocab.json` and `merges.txt`.
    init(vocabulary: ModelFile, merges: ModelFile, endOfWord: String) throws(TokenReelError) {
        file = vocabulary.path
        self.vocabulary = try Vocabulary(vocabulary.json(), file: vocabulary.path)
        self.endOfWord = endOfWord
        usesByteFallback = false
        joinsUnknown = false
        addedTokens = []
        (prefix, suffix) = ([], [])
        var pairs: [(left: String, right: String)] = []
        let lines = merges.bytes.split(separator: 0x0A)
        for (number, bytes) in lines.enumerated() {
            var line = String(decoding: bytes, as: UTF8.self)[...]
            if line.utf8.last == 0x0D { line = line.dropLast() }
            if line.hasPrefix("#version") || line.isEmpty { continue }
            guard let pair = Self.merge(line) else {
                throw TokenReelError(
                    .unreadableInput, subject: merges.path, found: "\"\(line.prefix(60))\" as entry \(number + 1)",
                    allowed: "two tokens with one space between")
            }
            pairs.append(pair)
        }
        self.merges = pairs
    }

    private static func merge(_ line: Substring) -> (left: String, right: String)? {
        // By scalars: a token may begin with a combining mark, which would join the space to a character.
        let sides = line.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else { return nil }
        return (String(sides[0]), String(sides[1]))
    }

    /// The marks that a `TemplateProcessing` puts around a single text; none for other post-processors.
    private static func frame(_ processor: JSONTree?) -> (prefix: [String], suffix: [String]) {
        guard let processor, processor["type"]?.string == "TemplateProcessing",
            case .array(let elements)? = processor["single"]
        else { return ([], []) }
        var prefix: [String] = []
        var suffix: [String] = []
        var isBehind = false
        for element in elements {
            if element["Sequence"] != nil { isBehind = true }
            guard let token = element["SpecialToken"]?["id"]?.string else { continue }
            if isBehind { suffix.append(token) } else { prefix.append(token) }
        }
        return (prefix, suffix)
    }
}
