internal import TensorOps
internal import TokenCore

/// The means of one frame's nodes, level by level.
struct FramePyramid {
    /// `[nodes, D]` of each level.
    let values: [TensorBuffer<Float>]
    /// Lengths of the nodes of each level.
    let norms: [[Float]]
    private let channels: Int

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
        self.channels = channels
        norms = values.map { level in level.withUnsafeBufferPointer { Rows.norms($0, channels: channels) } }
    }

    /// The lowest cosine of each node to one of its children; patches agree with themselves.
    func agreement(_ tree: Quadtree, asPublished: Bool) -> [[Float]] {
        tree.levels.indices.map { level in
            tree.levels[level].children.enumerated().map { node, children in
                let standIn = asPublished && (1..<4).contains(children.count) ? [0] : []
                return (children + standIn).reduce(Float.infinity) {
                    min($0, cosine(node, at: level, with: $1, at: level - 1, of: self))
                }
            }
        }
    }

    /// The cosine of a node of this frame with a node of this or another one; 0 for a zero vector.
    func cosine(_ node: Int, at level: Int, with other: Int, at otherLevel: Int, of frame: FramePyramid) -> Float {
        let scale = norms[level][node] * frame.norms[otherLevel][other]
        guard scale > 0 else { return 0 }
        return values[level].withRows(node..<node + 1, channels: channels) { x in
            frame.values[otherLevel].withRows(other..<other + 1, channels: channels) { Rows.dot(x, $0) }
        } / scale
    }
}

/// Cosines of all nodes of one frame with the nodes of the next that hold them or lie within them.
struct NestedCosines {
    /// `[a][b - a][n]`: node `n` of level `a` in the first frame with the node of level `b >= a` in the second.
    let upward: [[[Float]]]
    /// The same from the second frame to the first.
    let downward: [[[Float]]]

    init(_ first: FramePyramid, _ second: FramePyramid, _ tree: Quadtree) {
        func cosines(_ inner: FramePyramid, _ outer: FramePyramid) -> [[[Float]]] {
            tree.ancestors.enumerated().map { level, chain in
                chain.enumerated().map { rise, holders in
                    holders.enumerated().map {
                        inner.cosine($0, at: level, with: $1, at: level + rise, of: outer)
                    }
                }
            }
        }
        upward = cosines(first, second)
        downward = cosines(second, first)
    }
}
