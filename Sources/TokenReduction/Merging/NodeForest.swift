internal import TokenCore

/// The quadtrees of all frames with every cosine that a threshold may be held against.
struct NodeForest {
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
