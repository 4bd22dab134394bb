internal import TensorOps
internal import TokenCore

/// The components that tokens form when those of high cosine are linked, at every threshold at once.
///
/// Two tokens are connected above a threshold exactly if the path between them in the maximum spanning tree of all
/// cosines stays above it, so the tree's n - 1 edges tell the components at any threshold, and their number for any
/// number of the strongest edges (single-linkage clustering; Gower & Ross, 1969). Prim's algorithm: O(n^2 D).
package struct SingleLinkage {
    /// Number of tokens.
    package let count: Int
    /// The edges of the tree from the strongest to the weakest.
    package let edges: [(a: Int, b: Int, cosine: Float)]
    /// `[n, n]`.
    private let cosines: [Float]

    /// Compares the rows of `values [n, channels]`; a zero vector has cosine 0 to everything.
    package init(_ values: UnsafeBufferPointer<Float>, channels: Int) {
        let n = values.count / channels
        count = n
        let scales = Rows.norms(values, channels: channels).map { $0 > 0 ? 1 / $0 : 0 }
        var cosines = Matrix.products(values, rows: n, values, rows: n, channels: channels)
        cosines.withUnsafeMutableBufferPointer { cosines in
            for row in 0..<n {
                for column in 0..<n { cosines[row * n + column] *= scales[row] * scales[column] }
            }
        }
        self.cosines = cosines
        edges = Self.spanningTree(cosines, n)
    }

    private static func spanningTree(_ cosines: [Float], _ n: Int) -> [(a: Int, b: Int, cosine: Float)] {
        guard n > 1 else { return [] }
        var edges: [(a: Int, b: Int, cosine: Float)] = []
        var isInTree = [Bool](repeating: false, count: n)
        var best = [Float](repeating: -.infinity, count: n)
        var neighbour = [Int](repeating: 0, count: n)
        var newest = 0
        for _ in 1..<n {
            isInTree[newest] = true
            var next = -1
            for token in 0..<n where !isInTree[token] {
                let cosine = cosines[newest * n + token]
                if cosine > best[token] {
                    best[token] = cosine
                    neighbour[token] = newest
                }
                if next < 0 || best[token] > best[next] { next = token }
            }
            edges.append((min(neighbour[next], next), max(neighbour[next], next), best[next]))
            newest = next
        }
        return Ranking.descending(edges.map(\.cosine)).map { edges[$0] }
    }

    /// How many edges are above a threshold.
    package func edges(above threshold: Float) -> Int { edges.count { $0.cosine > threshold } }

    /// Tokens that are connected.
    package struct Component {
        /// The token with the most neighbours of all, of equals the first.
        package let hub: Int
        /// Ascending.
        package let members: [Int]
    }

    /// The components that the strongest edges make, by their hubs; neighbours are those of a cosine above
    /// `threshold`.
    package func components(linking edgeCount: Int, threshold: Float) -> [Component] {
        var sets = DisjointSets(count: count)
        for edge in edges.prefix(edgeCount) { sets.join(edge.a, edge.b) }
        return sets.sets().map { members in
            let degrees = members.map { token in
                Float(cosines[token * count..<(token + 1) * count].count { $0 > threshold })
            }
            return Component(hub: members[Ranking.largest(1, of: degrees).first ?? 0], members: members)
        }.sorted { $0.hub < $1.hub }
    }
}
