/// What an English query asks for and what it rules out, as phrases to embed one by one.
///
/// "a street with red cars, without people" wants "a street with red cars" and does not want "people". Text towers
/// hardly tell a sentence from its negation, so a negated phrase is embedded without its negator and counted against a
/// token instead. Phrases stay whole: a tower binds an attribute to its noun better than a sum of words does.
///
/// A negator (not, no, without, never, neither, nor, except, cannot, words that end in n't) opens a negated phrase. It
/// ends at punctuation, at but, while, yet or although, at a wanted part after and ("… and a dog", "… with …"), and at
/// the next negator; or, nor and and split it. Two negators in a row cancel out, and "not only" negates nothing. A query
/// without negators, in any language, is one wanted phrase.
public struct QueryPhrases: Sendable, Equatable {
    /// What to look for, in the order of the text; empty if the query only rules things out.
    public private(set) var wanted: [String] = []
    /// What to avoid, in the order of the text.
    public private(set) var unwanted: [String] = []

    private static let negators: Set = [
        "not", "no", "without", "never", "neither", "nor", "except", "cannot",
    ]
    private static let boundaries: Set = ["but", "while", "yet", "although", "though", "however", "instead"]
    private static let articles: Set = ["a", "an", "the", "any", "some"]
    private static let auxiliaries: Set = [
        "is", "are", "was", "were", "be", "been", "do", "does", "did", "has", "have", "had", "will", "would", "can",
        "could", "should",
    ]
    private static let conjunctions: Set = ["and", "or", "but"]

    /// Splits a query.
    public init(_ text: String) {
        let words = Self.words(of: text)
        guard words.contains(where: { Self.isNegator($0.key) }) else {
            let whole = words.map(\.text).joined(separator: " ")
            if !whole.isEmpty { wanted = [whole] }
            return
        }
        var phrase: [Word] = []
        var isNegated = false
        var index = 0
        while index < words.count {
            let word = words[index]
            let next = index + 1 < words.count ? words[index + 1].key : ""
            index += 1
            if word.key == "not", next == "only" {
                index += 1
            } else if Self.isNegator(word.key) {
                let cancels = isNegated && phrase.isEmpty
                close(&phrase, isNegated: isNegated)
                isNegated = !cancels
            } else if isNegated, Self.boundaries.contains(word.key) {
                close(&phrase, isNegated: true)
                isNegated = false
            } else if isNegated, word.key == "or" || word.key == "and" {
                close(&phrase, isNegated: true)
                if word.key == "and", Self.articles.contains(next) || next == "with" { isNegated = false }
            } else {
                phrase.append(word)
            }
            if word.endsClause, isNegated {
                close(&phrase, isNegated: true)
                isNegated = false
            }
        }
        close(&phrase, isNegated: isNegated)
    }

    /// How relevant a token is, from its cosines to the embedded phrases.
    ///
    /// `max(wanted) - penalty * max(0, max(unwanted))`, where an empty list counts as 0.
    ///
    /// - Parameters:
    ///   - wanted: Cosines to the phrases of ``wanted``.
    ///   - unwanted: Cosines to the phrases of ``unwanted``.
    ///   - penalty: What a full match with an unwanted phrase costs.
    public static func relevance(wanted: [Float], unwanted: [Float], penalty: Float = 0.5) -> Float {
        (wanted.max() ?? 0) - penalty * max(0, unwanted.max() ?? 0)
    }

    // MARK: Words

    private struct Word {
        /// As it was written, with its punctuation.
        let text: String
        /// In lower case, without punctuation around it.
        let key: String
        /// Whether punctuation behind it ends what a negator covers.
        let endsClause: Bool
    }

    private static func words(of text: String) -> [Word] {
        text.split(whereSeparator: \.isWhitespace).map { written in
            let isInner: (Character) -> Bool = { $0.isLetter || $0.isNumber || $0 == "'" }
            let plain = String(written.map { $0 == "’" ? "'" : $0 })
            let inner = plain.drop { !isInner($0) }
            let key = inner.lastIndex(where: isInner).map { String(inner[...$0]).lowercased() } ?? ""
            return Word(
                text: String(written), key: key, endsClause: written.last.map { ",;:.!?)]".contains($0) } ?? false)
        }
    }

    private static func isNegator(_ word: String) -> Bool { negators.contains(word) || word.hasSuffix("n't") }

    /// Ends a phrase and drops what only tied it to its neighbours: conjunctions and, at a negator, articles and
    /// auxiliaries.
    private mutating func close(_ phrase: inout [Word], isNegated: Bool) {
        var words = phrase[...]
        phrase = []
        if isNegated {
            while let first = words.first, Self.articles.union(["longer", "more"]).contains(first.key) {
                words = words.dropFirst()
            }
        } else {
            while let first = words.first, Self.conjunctions.contains(first.key) { words = words.dropFirst() }
            while let last = words.last, Self.conjunctions.union(Self.auxiliaries).contains(last.key) {
                words = words.dropLast()
            }
        }
        var text = words.map(\.text).joined(separator: " ")
        while let last = text.last, ",;:.!?)]".contains(last) { text.removeLast() }
        guard !text.isEmpty else { return }
        if isNegated { unwanted.append(text) } else { wanted.append(text) }
    }
}
