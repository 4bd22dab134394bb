/// A question taken apart into what it asks for and what it rules out.
///
/// Text towers hardly hear a "not": the embedding of "no dog" lies next to that of "dog". So a negating word and the
/// phrase after it become a negative phrase of their own, and everything else stays a positive one.
///
/// A phrase ends at punctuation, at the next negating word, or where "but" or "and" turns back to what is wanted.
public struct QueryPhrases: Sendable, Equatable {
    /// What is asked for; the whole text where nothing else is left.
    public let positive: [String]
    /// What is ruled out.
    public let negative: [String]

    private static let negations: Set = ["not", "no", "without", "never"]
    private static let turns: Set = ["but", "and", "or"]
    private static let stops: Set<Character> = [",", ";", ".", ":", "!", "?"]

    /// Takes a text apart; English negations only.
    public init(_ text: String) {
        var positive: [[Substring]] = [[]]
        var negative: [[Substring]] = []
        var isNegated = false
        for word in text.split(whereSeparator: \.isWhitespace) {
            let bare = word.trimmingSuffix(while: Self.stops.contains)
            let lower = bare.lowercased()
            if Self.negations.contains(lower) {
                isNegated = true
                negative.append([])
            } else if isNegated, Self.turns.contains(lower) {
                isNegated = false
                positive.append([])
            } else if isNegated {
                negative[negative.count - 1].append(bare)
            } else {
                positive[positive.count - 1].append(bare)
            }
            if bare.endIndex < word.endIndex {
                if isNegated { isNegated = false }
                positive.append([])
            }
        }
        func phrases(_ words: [[Substring]]) -> [String] {
            words.filter { !$0.isEmpty }.map { $0.joined(separator: " ") }
        }
        self.negative = phrases(negative)
        let wanted = phrases(positive)
        // Without a negation the sentence is worth more whole than in parts.
        self.positive = self.negative.isEmpty || wanted.isEmpty ? [text] : wanted
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while condition: (Character) -> Bool) -> Substring {
        var end = endIndex
        while end > startIndex, condition(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}
