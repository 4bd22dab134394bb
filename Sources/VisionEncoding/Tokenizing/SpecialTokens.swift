internal import TokenCore

/// Finds the ids of the tokens that files name by their role, and collects all that are recognised in text.
///
/// Ask for roles in the order beginning, end, unknown, padding: of those that share a token the last one's flags count.
struct SpecialTokens {
    /// Added tokens of the files, and those with a role.
    private(set) var all: [AddedToken]
    private let settings: TokenizerSettings
    private let file: String
    private let vocabulary: (String) -> Int32?

    /// - Parameter vocabulary: The model's own id for a text.
    init(_ settings: TokenizerSettings, file: String, vocabulary: @escaping (String) -> Int32?) {
        self.settings = settings
        self.file = file
        self.vocabulary = vocabulary
        all = settings.addedTokens
    }

    /// The id of a role such as `eos_token`, or of `standard` where the files don't name one.
    ///
    /// - Parameter stripsSpace: Whether white space around the token belongs to it, unless the files say otherwise.
    mutating func id(
        of role: String, default standard: String, stripsSpace: Bool = false
    ) throws(TokenReelError) -> Int32 {
        try id(of: settings.roles[role] ?? .string(standard), stripsSpace: stripsSpace)
    }

    /// The id of a token by its text, as post-processors name it.
    mutating func id(ofToken text: String) throws(TokenReelError) -> Int32 {
        try id(of: .string(text), stripsSpace: false)
    }

    private mutating func id(of tree: JSONTree, stripsSpace: Bool) throws(TokenReelError) -> Int32 {
        let text = tree.string ?? tree["content"]?.string ?? ""
        let known = all.lastIndex { $0.content.utf8.elementsEqual(text.utf8) }
        if let known, known < settings.addedTokens.count { return all[known].id }
        guard let id = vocabulary(text) else {
            throw TokenReelError(
                .unreadableInput, subject: file, found: "no token \"\(text.prefix(40))\"",
                allowed: "a vocabulary with the tokens that tokenizer_config.json names")
        }
        var token = AddedToken(content: text, id: id)
        token.stripsLeft = stripsSpace
        token.stripsRight = stripsSpace
        token = AddedToken(tree, id: id) ?? token
        // Several roles may share a token, and transformers registers it anew for each.
        if let known { all[known] = token } else { all.append(token) }
        return id
    }
}
