internal import TensorOps
internal import TokenCore

/// Multi-granular merging: large nodes of a quadtree where a frame is uniform, joined over time where they stay alike.
///
/// Source: STTM (Hyun et al., ICCV 2025, arXiv 2507.07990). Every node of a frame's quadtree is the mean of
/// its children. From the roots down, a node is a token if its cosine to each child is at least `tau`, and is split
/// otherwise. Then nodes of neighbouring frames join if one lies within the other and their cosine is at least
/// `temporal-tau`; sets of joined nodes become the plain mean of their nodes, in the place of the first.
///
/// Shapes: `[T, N, D]` to `[count, D]`. A budget moves both thresholds together: 1 - x (1 - tau) and the same of
/// temporal-tau, x found by bisection. Anchors: the first node's patch at the top left. Cosines are computed once for
/// all thresholds: O(T N L D) for L levels.
///
/// With `asPublished` the thresholds are as given, and two quirks of the reference are kept. A node with fewer than
/// four children (on an odd side) must also be alike to the first node of its children's level, which stands in for
/// the missing ones. And sets are formed by spreading labels along links, which may end before all that is linked has
/// met.
struct QuadtreeMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "quadtree", kind: .merge,
        summary: "Averages uniform regions as nodes of a quadtree, and nodes that stay alike over time.",
        source: "STTM, arXiv 2507.07990",
        parameters: [
            .real("tau", 0.85, in: -1...1, "A node is split unless its cosine to every child is at least this."),
            .real(
                "temporal-tau", 0.65, in: -1...1,
                "Nested nodes of neighbouring frames join at this cosine; at -1 none do."),
            .whole("root-level", 1, in: 0...16, "How many levels below the coarsest the roots are."),
        ],
        cost: "O(T N L D) for L levels of the tree")

    private let threshold: Float
    private let temporalThreshold: Float
    private let rootLevel: Int

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        temporalThreshold = Float(values.real("temporal-tau"))
        rootLevel = values.whole("root-level")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let tree = Quadtree(rows: input.grid.shape.rows, columns: input.grid.shape.columns, rootLevel: rootLevel)
        let frames = input.grid.shape.frames
        let pyramids = try Parallel.map(count: frames, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            return FramePyramid(of: frame, tree, input)
        }
        let pairs = Parallel.map(count: max(frames - 1, 0), workers: input.workers) { frame in
            NestedCosines(pyramids[frame], pyramids[frame + 1], tree, channels: input.channels)
        }
        let forest = NodeForest(
            tree: tree, agreements: pyramids.map { $0.agreement(tree, asPublished: input.asPublished, input.channels) },
            pairs: temporalThreshold > -1 ? pairs : [])
        let scale = input.asPublished ? 1 : try scale(for: count, of: forest, input)
        return forest.plan(from: groups(of: forest, scale: scale, asPublished: input.asPublished))
    }

    private func groups(of forest: NodeForest, scale: Float, asPublished: Bool = false) -> [[NodeForest.Node]] {
        forest.groups(
            above: 1 - scale * (1 - threshold), joiningAt: 1 - scale * (1 - temporalThreshold), asPublished: asPublished
        )
    }

    /// How far to move the thresholds from 1 towards -1 and beyond, so that about `count` tokens are left.
    private func scale(for count: Int, of forest: NodeForest, _ input: ReductionInput) throws(TokenReelError) -> Float {
        var low: Float = 0
        // Cosines reach -1, so at this scale every comparison passes.
        var high = 2.1 / max(min(1 - threshold, 1 - temporalThreshold), 0.01)
        for _ in 0..<20 {
            try input.checkCancellation()
            let middle = (low + high) / 2
            let found = groups(of: forest, scale: middle).count
            if found == count { return middle }
            if found > count { low = middle } else { high = middle }
        }
        // More tokens than asked for are folded into their neighbours, fewer are filled up: the upper end has the
        // fewer.
        return high
    }
}

/// The means of one frame's nodes, level by level.
private struct FramePyramid {
    /// `[nodes, D]` of each level.
    let values: [TensorBuffer<Float>]
    /// Lengths of the nodes of each level.
    let norms: [[Float]]

    init(of frame: Int, _ tree: Quadtree, _ input: ReductionInput) {
        let cells = input.grid.shape.tokensPerFrame
        let channels = input.channels
        var values = [input.grid.values.gathering(Array(frame * cells..<(frame + 1) * cells), channels: channels)]
        for level in tree.levels.dropFirst() {
            let means = ReductionPlan(
                sourceCount: values[values.count - 1].count / channels,
                rows: level.children.map { .init(anchor: $0[0], averaging: $0) })
            values.append(means.applied(to: values[values.count - 1], channels: channels))
        }
        self.values = values
        norms = values.map { level in level.withUnsafeBufferPointer { Rows.norms($0, channels: channels) } }
    }

    /// The lowest cosine of each node to one of its children; patches agree with themselves.
    func agreement(_ tree: Quadtree, asPublished: Bool, _ channels: Int) -> [[Float]] {
        tree.levels.indices.map { level in
            tree.levels[level].children.enumerated().map { node, children in
                let standIn = asPublished && (1..<4).contains(children.count) ? [0] : []
                return (children + standIn).reduce(Float.infinity) {
                    min($0, Self.cosine(self, level, node, self, level - 1, $1, channels))
                }
            }
        }
    }

    static func cosine(
        _ a: FramePyramid, _ level: Int, _ node: Int, _ b: FramePyramid, _ other: Int, _ node2: Int, _ channels: Int
    ) -> Float {
        let scale = a.norms[level][node] * b.norms[other][node2]
        guard scale > 0 else { return 0 }
        return a.values[level].withRows(node..<node + 1, channels: channels) { x in
            b.values[other].withRows(node2..<node2 + 1, channels: channels) { Rows.dot(x, $0) }
        } / scale
    }
}

/// Cosines of all nodes of one frame with the nodes of the next that hold them or lie within them.
private struct NestedCosines {
    /// `[a][b - a][n]`: node `n` of level `a` in the first frame with the node of level `b >= a` in the second.
    let upward: [[[Float]]]
    /// The same from the second frame to the first.
    let downward: [[[Float]]]

    init(_ first: FramePyramid, _ second: FramePyramid, _ tree: Quadtree, channels: Int) {
        func cosines(_ inner: FramePyramid, _ outer: FramePyramid) -> [[[Float]]] {
            tree.ancestors.enumerated().map { level, chain in
                chain.enumerated().map { rise, holders in
                    holders.enumerated().map {
                        FramePyramid.cosine(inner, level, $0, outer, level + rise, $1, channels)
                    }
                }
            }
        }
        upward = cosines(first, second)
        downward = cosines(second, first)
    }
}

/// The quadtrees of all frames with every cosine that a threshold may be held against.
private struct NodeForest {
    struct Node {
        let frame: Int
        let level: Int
        let index: Int
    }

    let tree: Quadtree
    /// `[frame][level][node]`: the lowest cosine to a child.
    let agreements: [[[Float]]]
    /// One for each pair of neighbouring frames; empty if nothing is joined over time.
    let pairs: [NestedCosines]

    /// Sets of nodes that become one token each, by their first node.
    func groups(above threshold: Float, joiningAt temporalThreshold: Float, asPublished: Bool) -> [[Node]] {
        let cuts = agreements.indices.map { leaves(of: $0, threshold) }
        let nodes = cuts.flatMap { $0 }
        let links = links(between: cuts, temporalThreshold)
        if asPublished { return Self.published(links, nodes) }
        var sets = DisjointSets(count: nodes.count)
        for link in links { sets.join(link.earlier, link.later) }
        return sets.sets().map { $0.map { nodes[$0] } }
    }

    /// What the reference makes of the links: every round gives both ends of each the lower of their labels, and it
    /// ends as soon as labels name themselves, which may be before they have spread everywhere.
    private static func published(_ links: [(earlier: Int, later: Int)], _ nodes: [Node]) -> [[Node]] {
        var labels = Array(nodes.indices)
        repeat {
            let before = labels
            for link in links {
                let lower = min(before[link.earlier], before[link.later])
                labels[link.earlier] = min(labels[link.earlier], lower)
                labels[link.later] = min(labels[link.later], lower)
            }
            labels = labels.map { labels[$0] }
        } while labels.contains { labels[$0] != $0 }
        return Dictionary(grouping: nodes.indices) { labels[$0] }.sorted { $0.key < $1.key }.map {
            $0.value.map { nodes[$0] }
        }
    }

    /// Nodes of neighbouring frames, counted through all frames, that lie one within the other and are alike.
    private func links(between cuts: [[Node]], _ threshold: Float) -> [(earlier: Int, later: Int)] {
        var links: [(earlier: Int, later: Int)] = []
        var first = 0
        for (frame, pair) in pairs.enumerated() {
            let next = first + cuts[frame].count
            let here = cover(cuts[frame])
            let there = cover(cuts[frame + 1])
            for (place, node) in cuts[frame].enumerated() {
                let other = there[tree.levels[node.level].corners[node.index]]
                let rise = cuts[frame + 1][other].level - node.level
                if rise >= 0, pair.upward[node.level][rise][node.index] >= threshold {
                    links.append((first + place, next + other))
                }
            }
            for (place, node) in cuts[frame + 1].enumerated() {
                let other = here[tree.levels[node.level].corners[node.index]]
                let rise = cuts[frame][other].level - node.level
                if rise > 0, pair.downward[node.level][rise][node.index] >= threshold {
                    links.append((first + other, next + place))
                }
            }
            first = next
        }
        return links
    }

    /// The nodes that a frame is cut into, in raster order of their corners.
    private func leaves(of frame: Int, _ threshold: Float) -> [Node] {
        var leaves: [Node] = []
        let top = tree.levels.count - 1
        var pending = tree.levels[top].corners.indices.map { Node(frame: frame, level: top, index: $0) }
        while let node = pending.popLast() {
            if agreements[frame][node.level][node.index] >= threshold {
                leaves.append(node)
            } else {
                pending += tree.levels[node.level].children[node.index].map {
                    Node(frame: frame, level: node.level - 1, index: $0)
                }
            }
        }
        return leaves.sorted { tree.levels[$0.level].corners[$0.index] < tree.levels[$1.level].corners[$1.index] }
    }

    /// Which leaf holds each patch.
    private func cover(_ leaves: [Node]) -> [Int] {
        var place = tree.levels.map { [Int](repeating: -1, count: $0.corners.count) }
        for (leaf, node) in leaves.enumerated() { place[node.level][node.index] = leaf }
        return tree.levels[0].corners.map { patch in
            tree.ancestors[0].indices.reduce(-1) { max($0, place[$1][tree.ancestors[0][$1][patch]]) }
        }
    }

    func plan(from groups: [[Node]]) -> ReductionPlan {
        let cells = tree.levels[0].corners.count
        let rows = groups.map { nodes -> ReductionPlan.Row in
            let parts = nodes.flatMap { node in
                tree.patches(of: node.index, level: node.level).map {
                    (source: node.frame * cells + $0.patch, weight: $0.weight / Float(nodes.count))
                }
            }
            let anchor = nodes[0].frame * cells + tree.levels[nodes[0].level].corners[nodes[0].index]
            return .init(anchor: anchor, sources: parts.map(\.source), weights: parts.map(\.weight))
        }
        return ReductionPlan(sourceCount: agreements.count * cells, rows: rows)
    }
}
