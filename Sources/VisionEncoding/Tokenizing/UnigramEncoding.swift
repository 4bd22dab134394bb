internal import TokenCore

/// Unigram segmentation: of all ways to cut a text into pieces, the one with the highest sum of scores.
///
/// Source: Kudo, Subword Regularization, ACL 2018.
///
/// One pass from left to right keeps the best cut of every prefix (Viterbi). A character without a piece of its own may
/// stand alone as unknown, at the lowest score less 10. Sums run in single precision from the left, and of equal sums
/// the first found counts, so that ties fall as in SentencePiece.
struct UnigramEncoding: Sendable {
    private static let unknownPenalty: Float = 10
    private let tree: PrefixTree
    private let scores: [Float]
    /// Such a piece scores as if each of its bytes were the best piece, so that it beats any other cut.
    private let isUserDefined: [Bool]
    private let largestScore: Float
    private let unknownScore: Float

    init(_ model: SentencePieceModel) {
        var tree = PrefixTree()
        var smallest = Float.greatestFiniteMagnitude
        var largest = -Float.greatestFiniteMagnitude
        for (id, piece) in model.pieces.enumerated() {
            switch piece.kind {
            case .normal:
                smallest = min(smallest, piece.score)
                largest = max(largest, piece.score)
                tree.insert(piece.text.utf8, value: Int32(id))
            case .userDefined: tree.insert(piece.text.utf8, value: Int32(id))
            case .unknown, .control, .unused, .byte: break
            }
        }
        self.tree = tree
        scores = model.pieces.map(\.score)
        isUserDefined = model.pieces.map { $0.kind == .userDefined }
        largestScore = largest
        unknownScore = smallest - Self.unknownPenalty
    }

    /// The pieces of a normalised text as ranges of bytes, each with its id; -1 is a character without a piece.
    func pieces(of text: [UInt8]) -> [(range: Range<Int>, id: Int32)] {
        var best = [(score: Float, start: Int, id: Int32)](repeating: (0, -1, -1), count: text.count + 1)
        var start = 0
        while start < text.count {
            let character = min(UTF8Length.of(text[start]), text.count - start)
            let base = best[start].score
            var hasCharacter = false
            func offer(_ end: Int, _ score: Float, _ id: Int32) {
                if best[end].start < 0 || score > best[end].score { best[end] = (score, start, id) }
            }
            tree.forEachPrefix(of: text[start...]) { count, id in
                let score =
                    isUserDefined[Int(id)]
                    ? Float(Double(Float(count) * largestScore) - 0.1) : scores[Int(id)]
                offer(start + count, score + base, id)
                if count == character { hasCharacter = true }
            }
            if !hasCharacter { offer(start + character, unknownScore + base, -1) }
            start += character
        }
        var pieces: [(range: Range<Int>, id: Int32)] = []
        var end = text.count
        while end > 0 {
            let (_, start, id) = best[end]
            // Only a hostile piece that ends inside a character leads to a place no cut leads on from.
            guard start >= 0 else { return [] }
            pieces.append((start..<end, id))
            end = start
        }
        return pieces.reversed()
    }
}
