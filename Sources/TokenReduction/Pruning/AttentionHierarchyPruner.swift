internal import TokenCore

/// Hierarchical attention pruning: objects from a middle layer with their surroundings, the rest from a deep layer.
///
/// Source: HiPrune (arXiv 2508.00553). Of the k tokens that a frame keeps,
///
///     anchors    the round(k alpha / 5) that receive most attention in the layer where objects stand out
///     buffers    their neighbours above, below, left and right
///     registers  of the others, those that receive most attention in the deep layer, up to k
///
/// Shapes: two maps `[T, N]` to `[count, D]`, in raster order; every frame keeps the same number. Cost: O(T N log N).
///
/// With `asPublished` neighbours are counted in raster order, as in the reference, which takes the last cell of the row
/// above for the left neighbour of a row's first cell, and at the ends of the frame the first or last cell itself.
struct AttentionHierarchyPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "attention-hierarchy", kind: .prune,
        summary: "Keeps objects that a middle layer attends to, their neighbours, and what the deep layer attends to.",
        source: "HiPrune, arXiv 2508.00553",
        parameters: [
            .real("alpha", 0.1, in: 0...1, "Share of a frame's tokens that are objects and their neighbours.")
        ],
        needs: [.saliency, .objectSaliency],
        substitutes: [
            .saliency: "spatial distinctiveness", .objectSaliency: "the saliency",
        ], cost: "O(T N log N)")

    private let alpha: Double

    init(_ values: ParameterValues) { alpha = values.real("alpha") }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let saliency = input.saliency()
        let deep = candidates.plan.applied(to: saliency)
        let object = candidates.plan.applied(to: input.layers(of: .objectSaliency)?.first ?? saliency)
        let frames = CandidateFrames(candidates, of: input)
        return zip(frames.members, frames.equalShares(of: count)).flatMap { tokens, share in
            var kept: [Int] = []
            var isKept = Set<Int>()
            func keep(_ token: Int) {
                if kept.count < share, isKept.insert(token).inserted { kept.append(token) }
            }
            let anchors = Int((Double(share) * alpha / 5).rounded(.toNearestOrEven))
            let neighbours = neighbours(among: tokens, candidates.plan, input)
            for place in Ranking.largest(anchors, of: tokens.map { object[$0] }) {
                keep(tokens[place])
                neighbours(tokens[place]).forEach(keep)
            }
            for place in Ranking.descending(tokens.map { deep[$0] }) { keep(tokens[place]) }
            return kept
        }.sorted()
    }

    /// The candidates of a frame that lie beside a given one.
    private func neighbours(
        among tokens: [Int], _ plan: ReductionPlan, _ input: ReductionInput
    ) -> (Int) -> [Int] {
        let shape = input.grid.shape
        func cell(_ token: Int) -> Int { Int(plan.anchors[token]) % shape.tokensPerFrame }
        let tokenOfCell = Dictionary(tokens.map { (cell($0), $0) }) { first, _ in first }
        return { token in
            let cell = cell(token)
            let (row, column) = cell.quotientAndRemainder(dividingBy: shape.columns)
            let beside =
                input.asPublished
                ? [-shape.columns, -1, 1, shape.columns].map { min(max(cell + $0, 0), shape.tokensPerFrame - 1) }
                : [(row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column)]
                    .filter { 0..<shape.rows ~= $0.0 && 0..<shape.columns ~= $0.1 }
                    .map { $0.0 * shape.columns + $0.1 }
            return beside.compactMap { tokenOfCell[$0] }
        }
    }
}
