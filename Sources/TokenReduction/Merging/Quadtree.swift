/// The nested cells of a frame: patches, blocks of 2 x 2 patches, blocks of 2 x 2 of those, and so on.
///
/// On an odd side the first row or column forms a strip of its own, so that a node there has two children or one.
/// Halving ends when either side has 2 nodes, which leaves very unequal sides a shallow tree.
package struct Quadtree {
    /// Nodes of one size, in raster order.
    package struct Level {
        package let rows: Int
        package let columns: Int
        /// Each node's children on the level below, ascending; none for patches.
        package let children: [[Int]]
        /// Each node's patch at the top left.
        package let corners: [Int]
    }

    /// From the patches up to the roots.
    package private(set) var levels: [Level]
    /// `ancestors[a][b - a][n]`: the node of level `b >= a` that holds node `n` of level `a`.
    package private(set) var ancestors: [[[Int]]]

    /// The tree over `rows x columns` patches without its `rootLevel` coarsest levels, as far as there are.
    package init(rows: Int, columns: Int, rootLevel: Int) {
        let patches = Array(0..<rows * columns)
        levels = [Level(rows: rows, columns: columns, children: patches.map { _ in [] }, corners: patches)]
        while let top = levels.last, min(top.rows, top.columns) > 2 { levels.append(Self.parents(of: top)) }
        levels.removeLast(min(rootLevel, levels.count - 1))

        ancestors = []
        for (level, below) in levels.enumerated() {
            var chain = [Array(0..<below.corners.count)]
            for above in levels.dropFirst(level + 1) {
                var parent = [Int](repeating: 0, count: above.children.reduce(0) { $0 + $1.count })
                for (node, children) in above.children.enumerated() {
                    for child in children { parent[child] = node }
                }
                chain.append(chain[chain.count - 1].map { parent[$0] })
            }
            ancestors.append(chain)
        }
    }

    private static func parents(of level: Level) -> Level {
        let rows = halves(of: level.rows)
        let columns = halves(of: level.columns)
        let children = rows.flatMap { rows in
            columns.map { columns in rows.flatMap { row in columns.map { row * level.columns + $0 } } }
        }
        return Level(
            rows: rows.count, columns: columns.count, children: children, corners: children.map { level.corners[$0[0]] }
        )
    }

    private static func halves(of count: Int) -> [Range<Int>] {
        let odd = count % 2
        return (odd == 1 ? [0..<1] : []) + stride(from: odd, to: count, by: 2).map { $0..<$0 + 2 }
    }

    /// The patches of a node, each with its weight in the node's mean of means.
    package func patches(of node: Int, level: Int) -> [(patch: Int, weight: Float)] {
        let children = levels[level].children[node]
        guard !children.isEmpty else { return [(node, 1)] }
        return children.flatMap { child in
            patches(of: child, level: level - 1).map { ($0.patch, $0.weight / Float(children.count)) }
        }
    }
}
