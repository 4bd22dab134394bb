internal import TensorOps
internal import TokenCore

/// Merging into connected components of like tokens, within frames and then over the whole clip.
///
/// Source: LLaVA-Scissor (Sun et al., 2025, arXiv 2506.21862). Tokens of a frame are linked if their cosine is above
/// tau, and each connected component becomes its mean; the means of all frames are linked and joined in the same way.
/// Every source token then joins the result it is most similar to, and a result of which m tokens are becomes
/// `(result + sum of the m tokens) / (m + 1)`. Graphs are sampled: of n nodes, ceil(ln n / epsilon^2) take part.
///
/// Deviation: the reference draws the sample at random, here its nodes are evenly spaced. Its union-find can lose
/// nodes of long chains; here components are the true ones.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Under a budget tau rules within frames as far as that leaves enough,
/// otherwise the strongest links of all frames do, and over the clip the strongest links are made until the count is
/// reached. Budgets above the sample's size are left to the reconciling step. With `asPublished` tau alone decides
/// the count. Rows come by the node with the most links in each component; it is their anchor. Sources: a result's
/// tokens, and what joined it. Cost: O(T N^2 D + S^2 D + T N count D) for S nodes of the sample, 4,000 or so at most.
struct ComponentMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "components", kind: .merge,
        summary: "Averages connected components of like tokens, of each frame and then of the clip.",
        source: "LLaVA-Scissor, arXiv 2506.21862",
        parameters: [
            .real("tau", 0.9, in: -1...1, "Tokens are linked if their cosine is above this."),
            .real("epsilon", 0.05, in: 0.02...1, "Error allowed in sampling a graph: smaller samples more nodes."),
        ],
        cost: "O(T N^2 D + T N C D) for C output tokens", overlaps: true)

    private let threshold: Float
    private let epsilon: Double

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        epsilon = values.real("epsilon")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let frames = try framePlan(input, count)
        let clip = frames.composed(with: try clipPlan(of: frames, input, count))
        return ReductionPlan(sourceCount: clip.sourceCount, rows: try absorbing(input, into: clip))
    }

    // MARK: Components

    /// Which of `count` nodes take part in a graph.
    private func sample(of count: Int) -> [Int] {
        let size = min(count, max(Int((Elementary.log(Double(count)) / (epsilon * epsilon)).rounded(.up)), 1))
        return (0..<size).map { $0 * count / size }
    }

    /// The components of each frame.
    private func framePlan(_ input: ReductionInput, _ count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let nodes = sample(of: cells)
        let frames = input.grid.shape.frames
        let graphs = try Parallel.map(count: frames, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            return input.grid.values.withGatheredRows(nodes.map { frame * cells + $0 }, channels: input.channels) {
                SingleLinkage($0, channels: input.channels)
            }
        }
        let links = input.asPublished ? nil : strongestLinks(leaving: count, of: graphs)
        let rows = Array(graphs.indices).mapParallel(workers: input.workers) { frame in
            let made = links?[frame] ?? graphs[frame].edges(above: threshold)
            return graphs[frame].components(linking: made, threshold: threshold).map { component in
                ReductionPlan.Row(
                    anchor: frame * cells + nodes[component.hub],
                    averaging: component.members.map { frame * cells + nodes[$0] })
            }
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 })
    }

    /// How many links each frame makes if all above the threshold are made that leave `count` components; nil if that
    /// is all of them.
    private func strongestLinks(leaving count: Int, of graphs: [SingleLinkage]) -> [Int]? {
        let most = max(graphs.reduce(0) { $0 + $1.count } - count, 0)
        let cosines = graphs.flatMap { $0.edges.map(\.cosine) }
        guard cosines.count(where: { $0 > threshold }) > most else { return nil }
        let frames = graphs.enumerated().flatMap { frame, graph in graph.edges.map { _ in frame } }
        var links = [Int](repeating: 0, count: graphs.count)
        // Edges of a frame descend and ties go to the lower index, so the strongest of all are the first of each
        // frame.
        for edge in Ranking.largest(most, of: cosines) { links[frames[edge]] += 1 }
        return links
    }

    /// The components of all frames' components.
    private func clipPlan(
        of frames: ReductionPlan, _ input: ReductionInput, _ count: Int
    ) throws(TokenReelError) -> ReductionPlan {
        try input.checkCancellation()
        let nodes = sample(of: frames.count)
        let means = frames.selecting(nodes).applied(to: input.grid.values, channels: input.channels)
        let graph = means.withUnsafeBufferPointer { SingleLinkage($0, channels: input.channels) }
        let links = input.asPublished ? graph.edges(above: threshold) : max(nodes.count - count, 0)
        let rows = graph.components(linking: links, threshold: threshold).map { component in
            ReductionPlan.Row(anchor: nodes[component.hub], averaging: component.members.map { nodes[$0] })
        }
        return ReductionPlan(sourceCount: frames.count, rows: rows)
    }

    // MARK: Every token to its nearest

    private func absorbing(
        _ input: ReductionInput, into plan: ReductionPlan
    ) throws(TokenReelError) -> [ReductionPlan.Row] {
        let cells = input.grid.shape.tokensPerFrame
        let results = TokenRows(
            plan.applied(to: input.grid.values, channels: input.channels), channels: input.channels)
        let destinations = NearestDestinations(
            Array(0..<plan.count), of: results, sourceCount: input.grid.shape.tokenCount)
        let owners = try Parallel.map(count: input.grid.shape.frames, workers: input.workers) {
            frame throws(TokenReelError) in
            try input.checkCancellation()
            return destinations.best(for: Array(frame * cells..<(frame + 1) * cells), of: input.tokens).map(\.place)
        }
        var members = [[Int]](repeating: [], count: plan.count)
        for (token, owner) in owners.joined().enumerated() { members[owner].append(token) }
        return members.enumerated().map { index, members in
            let row = plan.row(index)
            let share = 1 / Float(members.count + 1)
            var weights = Dictionary(uniqueKeysWithValues: zip(row.sources, row.weights.map { $0 * share }))
            for token in members { weights[token, default: 0] += share }
            let sources = weights.keys.sorted()
            return .init(anchor: row.anchor, sources: sources, weights: sources.map { weights[$0] ?? 0 })
        }
    }
}
