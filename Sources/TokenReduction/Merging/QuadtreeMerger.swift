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
            NestedCosines(pyramids[frame], pyramids[frame + 1], tree)
        }
        let forest = NodeForest(
            tree: tree, agreements: pyramids.map { $0.agreement(tree, asPublished: input.asPublished) },
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
