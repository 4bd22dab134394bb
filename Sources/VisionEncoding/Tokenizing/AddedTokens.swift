internal import TokenCore

/// A token that is recognised in the text itself, before the model cuts it up.
struct AddedToken: Sendable {
    let content: String
    let id: Int32
    /// Whether white space before and behind belongs to the token.
    var stripsLeft = false
    var stripsRight = false
    /// Whether it only counts between characters that are not part of a word.
    var isSingleWord = false
    /// Whether it is looked for in the normalised text instead of the raw one.
    var isNormalized = false

    init(content: String, id: Int32) {
        self.content = content
        self.id = id
    }

    /// Reads one from `tokenizer.json` or `tokenizer_config.json`; nil if it is none.
    init?(_ tree: JSONTree, id: Int32? = nil) {
        guard let content = tree["content"]?.string, (1...PrefixTree.longest).contains(content.utf8.count),
            let id = id ?? tree["id"]?.integer.flatMap(Int32.init(exactly:)), id >= 0
        else { return nil }
        self.init(content: content, id: id)
        func flag(_ key: StaticString) -> Bool {
            if case .boolean(true)? = tree[key] { true } else { false }
        }
        stripsLeft = flag("lstrip")
        stripsRight = flag("rstrip")
        isSingleWord = flag("single_word")
        isNormalized = flag("normalized")
    }
}

/// Recognises added tokens: leftmost first, of those at one place the longest.
struct AddedTokenSplitter: Sendable {
    /// For the raw text, and for the normalised.
    private let raw: AddedTokenFinder
    private let normalized: AddedTokenFinder

    init(_ tokens: [AddedToken]) {
        raw = AddedTokenFinder(tokens.filter { !$0.isNormalized })
        normalized = AddedTokenFinder(tokens.filter(\.isNormalized))
    }

    /// Ids of the added tokens in a text, and of what lies between them.
    func ids(
        for text: String, normalized normalize: (Substring.UnicodeScalarView) -> String.UnicodeScalarView,
        encoded: (Substring.UnicodeScalarView) -> [Int32]
    ) -> [Int32] {
        var ids: [Int32] = []
        for part in raw.parts(of: text.unicodeScalars[...]) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let piece):
                for part in normalized.parts(of: normalize(piece)[...]) {
                    switch part {
                    case .token(let id): ids.append(id)
                    case .text(let piece): ids += encoded(piece)
                    }
                }
            }
        }
        return ids
    }
}

private struct AddedTokenFinder: Sendable {
    enum Part {
        case text(Substring.UnicodeScalarView)
        case token(Int32)
    }

    private let tokens: [AddedToken]
    private let tree: PrefixTree

    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        var tree = PrefixTree()
        for (index, token) in tokens.enumerated() { tree.insert(token.content.utf8, value: Int32(index)) }
        self.tree = tree
    }

    func parts(of text: Substring.UnicodeScalarView) -> [Part] {
        guard !tokens.isEmpty else { return text.isEmpty ? [] : [.text(text)] }
        var parts: [Part] = []
        let bytes = Substring(text).utf8
        var pending = text.startIndex
        var index = text.startIndex
        while index < text.endIndex {
            guard let match = tree.longestPrefix(of: bytes[index...]) else {
                index = text.index(after: index)
                continue
            }
            let token = tokens[Int(match.value)]
            var start = index
            var end = bytes.index(index, offsetBy: match.count)
            guard !token.isSingleWord || isApart(text, start, end) else {
                index = end
                continue
            }
            if token.stripsLeft {
                while start > pending, text[text.index(before: start)].properties.isWhitespace {
                    start = text.index(before: start)
                }
            }
            if token.stripsRight {
                while end < text.endIndex, text[end].properties.isWhitespace { end = text.index(after: end) }
            }
            if pending < start { parts.append(.text(text[pending..<start])) }
            parts.append(.token(token.id))
            pending = end
            index = end
        }
        if pending < text.endIndex { parts.append(.text(text[pending...])) }
        return parts
    }

    private func isApart(_ text: Substring.UnicodeScalarView, _ start: String.Index, _ end: String.Index) -> Bool {
        func isWord(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
        if start > text.startIndex, isWord(text[text.index(before: start)]) { return false }
        return end == text.endIndex || !isWord(text[end])
    }
}
