/// Dropping tokens after handing what they hold to their neighbours in a graph.
///
/// Source: GTP-ViT (WACV 2024, arXiv 2311.03035). Of the tokens left the lowest-ranked are dropped, and
///
///     x_i += alpha * sum over dropped j of G_ij x_j
///
/// for each token i that stays, with G the edges of the graph. A dropped token without a kept neighbour is lost.
/// Cost: O(n k) a round for k edges a token.
package struct TokenPropagation {
    /// The tokens that are left, by descending rank in the last round.
    package private(set) var tokens: [Int]
    /// For each token of the frame what has come together in it: how much of which token.
    private var contents: [[Int: Float]]
    private let graph: TokenGraph
    private let alpha: Float

    package init(over graph: TokenGraph, alpha: Float) {
        self.graph = graph
        self.alpha = alpha
        tokens = Array(graph.neighbours.indices)
        contents = tokens.map { [$0: 1] }
    }

    /// Ranks the tokens that are left by their scores and drops the `count` lowest.
    package mutating func drop(_ count: Int, scores: [Float]) {
        let ranked = Ranking.descending(scores).map { tokens[$0] }
        tokens = Array(ranked.dropLast(count))
        let dropped = Set(ranked.suffix(count))
        for token in tokens {
            for neighbour in graph.neighbours[token] where dropped.contains(neighbour) {
                let weight = alpha * graph.weight(token, neighbour)
                for (source, share) in contents[neighbour] { contents[token][source, default: 0] += weight * share }
            }
        }
    }

    /// The sources that a token is made of, ascending, and their weights.
    package func content(of token: Int) -> (sources: [Int], weights: [Float]) {
        let sources = contents[token].keys.sorted()
        return (sources, sources.map { contents[token][$0] ?? 0 })
    }
}
