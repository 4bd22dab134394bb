internal import TokenCore

/// What `tokenizer_config.json` and `special_tokens_map.json` say about the marks around a text.
struct TokenizerSettings: Sendable {
    static let contextLengths = 2...8192

    /// Ids per text; nil where the files leave it open.
    var contextLength: Int?
    /// Special tokens by their role, such as `eos_token`: a text, or an object with `content` and flags.
    private(set) var roles: [String: JSONTree] = [:]
    /// Tokens with an id that never come out of the model itself.
    private(set) var addedTokens: [AddedToken] = []
    /// Whether a mark is put before or behind a text; nil where the file does not say.
    private(set) var addsBeginning: Bool?
    private(set) var addsEnd: Bool?
    private(set) var lowercases = true
    private(set) var padsLeft: Bool?

    init(folder: String) throws(TokenReelError) {
        let map = try ModelFile("special_tokens_map.json", in: folder)?.json()
        guard let file = try ModelFile("tokenizer_config.json", in: folder) else {
            if let map { readRoles(map) }
            return
        }
        let tree = try file.json()
        // The newer file counts, once it is complete.
        let isComplete = tree["added_tokens_decoder"] != nil
        if let map, isComplete { readRoles(map) }
        readRoles(tree)
        if let map, !isComplete { readRoles(map) }
        // transformers writes 1e30 for "no limit".
        if let length = tree["model_max_length"]?.integer, Self.contextLengths.contains(length) {
            contextLength = length
        }
        addsBeginning = try boolean("add_bos_token", in: tree, of: file)
        addsEnd = try boolean("add_eos_token", in: tree, of: file)
        lowercases = try boolean("do_lower_case", in: tree, of: file) ?? true
        if let side = tree["padding_side"], !side.isNull {
            guard side.string == "left" || side.string == "right" else {
                throw TokenReelError(
                    .unreadableInput, subject: "\(file.path), padding_side", found: side.summary,
                    allowed: "\"left\" or \"right\"")
            }
            padsLeft = side.string == "left"
        }
        if case .object(let members)? = tree["added_tokens_decoder"] {
            for (key, value) in members {
                guard let id = Int32(key), let token = AddedToken(value, id: id) else {
                    throw TokenReelError(
                        .unreadableInput, subject: "\(file.path), added_tokens_decoder",
                        found: "\"\(key.prefix(40))\": \(value.summary)", allowed: "an id and a token's content")
                }
                addedTokens.append(token)
            }
        }
    }

    private mutating func readRoles(_ tree: JSONTree) {
        let keys: [StaticString] = ["bos_token", "eos_token", "unk_token", "pad_token"]
        for key in keys {
            if let value = tree[key], (value.string ?? value["content"]?.string)?.isEmpty == false {
                roles["\(key)"] = value
            }
        }
    }

    private func boolean(_ key: StaticString, in tree: JSONTree, of file: ModelFile) throws(TokenReelError) -> Bool? {
        guard let value = tree[key], !value.isNull else { return nil }
        guard case .boolean(let flag) = value else {
            throw TokenReelError(
                .unreadableInput, subject: "\(file.path), \(key)", found: value.summary, allowed: "true or false")
        }
        return flag
    }

    /// Adds tokens of another file; where both name an id, the first file counts.
    mutating func add(_ tokens: [AddedToken]) {
        let known = Set(addedTokens.map(\.id))
        addedTokens += tokens.filter { !known.contains($0.id) }
    }

    /// The text of a role, or of `standard` where the files don't name one.
    func text(of role: String, default standard: String) -> String {
        roles[role].flatMap { $0.string ?? $0["content"]?.string } ?? standard
    }
}
