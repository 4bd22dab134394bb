internal import TensorOps
internal import TokenCore

/// Graph-based token propagation: the tokens that are looked at least spread into their neighbours.
///
/// Source: GTP-ViT (WACV 2024, arXiv 2311.03035); the graph is ``TokenGraph``, a round is ``TokenPropagation``. The
/// authors drop a few tokens in every layer of a classifier; here the rounds of one frame share what it has to lose.
/// Tokens are ranked by their saliency; `AttentionStandard` computes the authors' ranking from a layer's attention.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Rows overlap: a dropped token spreads to all its kept neighbours. Every frame
/// keeps the same number. Cost: O(T N^2 D), without content in the graph O(T N).
///
/// The authors' tokens grow with what they take in, which the attention that follows corrects for. Here a token is
/// divided by all it has taken in, so that it is a weighted mean; with `asPublished` it is not, and the tokens of a
/// frame come by descending rank. Deviation: with equal cosines the reference has more than k neighbours.
struct GraphPropagationMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "graph-propagation", kind: .merge,
        summary: "Spreads the least salient tokens into their neighbours by place or content, then drops them.",
        source: "GTP-ViT, arXiv 2311.03035",
        parameters: [
            .real("alpha", 0.2, in: 0...1, "How much of a dropped token each neighbour takes in."),
            .whole("nearest", 8, in: 1...1000, "Neighbours by content of each token."),
            .choice("edges", among: TokenGraph.Edges.allCases.map(\.rawValue), "What makes tokens neighbours."),
            .whole(
                "rounds", 1, in: 1...100, "Rounds that the drop is divided into; later ones pass on what was taken."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N^2 D)", overlaps: true)

    private let alpha: Float
    private let nearest: Int
    private let edges: TokenGraph.Edges
    private let rounds: Int

    init(_ values: ParameterValues) {
        alpha = Float(values.real("alpha"))
        nearest = values.whole("nearest")
        edges = values.choice("edges", as: TokenGraph.Edges.self)
        rounds = values.whole("rounds")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let cells = shape.tokensPerFrame
        let saliency = input.saliency()
        let shares = Apportionment.share(
            count, among: Array(repeating: 1, count: shape.frames),
            capacities: Array(repeating: cells, count: shape.frames))
        let rows = try Parallel.map(
            count: shape.frames, workers: input.workers
        ) { frame throws(TokenReelError) -> [ReductionPlan.Row] in
            try input.checkCancellation()
            guard shares[frame] > 0 else { return [] }
            let graph = input.grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: input.channels) {
                TokenGraph(
                    $0, channels: input.channels, rows: shape.rows, columns: shape.columns, edges: edges,
                    nearest: nearest)
            }
            var propagation = TokenPropagation(over: graph, alpha: alpha)
            for round in 0..<rounds {
                // What is left to drop, divided among the rounds that are left.
                let surplus = (propagation.tokens.count - shares[frame]) / (rounds - round)
                propagation.drop(surplus, scores: propagation.tokens.map { saliency[frame * cells + $0] })
            }
            return propagation.tokens.map { row(of: $0, in: propagation, from: frame * cells, input) }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func row(
        of token: Int, in propagation: TokenPropagation, from first: Int, _ input: ReductionInput
    ) -> ReductionPlan.Row {
        let (sources, weights) = propagation.content(of: token)
        let total = input.asPublished ? 1 : weights.reduce(0, +)
        return .init(anchor: first + token, sources: sources.map { first + $0 }, weights: weights.map { $0 / total })
    }
}
