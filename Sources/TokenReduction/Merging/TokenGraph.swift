internal import TensorOps

/// What is near what in one frame: by place, by content, or by either.
///
/// Source: GTP-ViT (WACV 2024, arXiv 2311.03035). Edges are directed, since a token's nearest neighbour by content may
/// have nearer ones of its own. An edge from i to j weighs `1 / sqrt(d_i d_j)` with d the number of edges that leave a
/// token.
package struct TokenGraph: Sendable {
    /// What makes an edge.
    package enum Edges: String, CaseIterable, Sendable {
        /// The nearest neighbours by cosine.
        case semantic
        /// The up to eight cells around.
        case spatial
        /// Both.
        case mixed
    }

    /// For each token the tokens it has an edge to, ascending.
    package let neighbours: [[Int]]

    /// The graph over the `rows * columns` tokens of one frame.
    package init(
        _ tokens: UnsafeBufferPointer<Float>, channels: Int, rows: Int, columns: Int, edges: Edges, nearest: Int
    ) {
        let around = edges == .semantic ? nil : Self.around(rows: rows, columns: columns)
        let alike = edges == .spatial ? nil : Self.alike(tokens, channels: channels, nearest: nearest)
        neighbours = (0..<rows * columns).map { token in
            Set((around?[token] ?? []) + (alike?[token] ?? [])).sorted()
        }
    }

    /// The weight of the edge between two tokens.
    package func weight(_ token: Int, _ other: Int) -> Float {
        1 / Float(neighbours[token].count * max(neighbours[other].count, 1)).squareRoot()
    }

    private static func around(rows: Int, columns: Int) -> [[Int]] {
        (0..<rows * columns).map { cell in
            let (row, column) = cell.quotientAndRemainder(dividingBy: columns)
            return (max(row - 1, 0)...min(row + 1, rows - 1)).flatMap { row in
                (max(column - 1, 0)...min(column + 1, columns - 1)).map { row * columns + $0 }
            }.filter { $0 != cell }
        }
    }

    private static func alike(_ tokens: UnsafeBufferPointer<Float>, channels: Int, nearest: Int) -> [[Int]] {
        let n = tokens.count / channels
        let products = Matrix.gram(tokens, channels: channels)
        let scales = (0..<n).map { products[$0 * n + $0] > 0 ? 1 / products[$0 * n + $0].squareRoot() : 0 }
        return (0..<n).map { token in
            // The nearest so far, nearest first: they are few, so insertion beats sorting all.
            var found: [(cosine: Float, token: Int)] = []
            for other in 0..<n where other != token {
                let cosine = products[token * n + other] * scales[other] * scales[token]
                if found.count == nearest {
                    guard let furthest = found.last, cosine > furthest.cosine else { continue }
                    found.removeLast()
                }
                let place = found.lastIndex { $0.cosine >= cosine }.map { $0 + 1 } ?? 0
                found.insert((cosine, other), at: place)
            }
            return found.map(\.token)
        }
    }
}
