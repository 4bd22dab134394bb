import Testing
import TokenReduction

@Suite struct QuadtreeTests {
    @Test(arguments: [(8, 8), (14, 14), (8, 12), (1, 1), (1, 9), (5, 7), (2, 2), (3, 3), (27, 27)])
    func nodesOfALevelDivideThePatches(rows: Int, columns: Int) {
        let tree = Quadtree(rows: rows, columns: columns, rootLevel: 0)
        for (level, nodes) in tree.levels.enumerated() {
            let patches = nodes.corners.indices.map { tree.patches(of: $0, level: level) }
            #expect(patches.joined().map(\.patch).sorted() == Array(0..<rows * columns))
            for (node, parts) in patches.enumerated() {
                #expect(abs(parts.reduce(0) { $0 + $1.weight } - 1) < 1e-5)
                #expect(parts.map(\.patch).min() == nodes.corners[node])
                for part in parts { #expect(tree.ancestors[0][level][part.patch] == node) }
            }
        }
    }

    @Test func halvingEndsAtTwoAndOddSidesHaveAStrip() {
        #expect(Quadtree(rows: 14, columns: 14, rootLevel: 0).levels.map(\.rows) == [14, 7, 4, 2])
        #expect(Quadtree(rows: 8, columns: 12, rootLevel: 0).levels.map(\.columns) == [12, 6, 3])
        #expect(Quadtree(rows: 8, columns: 8, rootLevel: 1).levels.map(\.rows) == [8, 4])
        #expect(Quadtree(rows: 8, columns: 8, rootLevel: 9).levels.map(\.rows) == [8])
        // Rows 0, 1 and 2, and the same of columns.
        #expect(
            Quadtree(rows: 3, columns: 3, rootLevel: 0).levels[1].children == [[0], [1, 2], [3, 6], [4, 5, 7, 8]])
    }
}
