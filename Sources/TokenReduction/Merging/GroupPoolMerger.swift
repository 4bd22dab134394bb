internal import TensorOps
internal import TokenCore

/// Pools groups of consecutive tokens, each weighted by what the last of the group attends to.
///
/// Source: the globality-aware pooling of core context aware attention (CCA, Chen et al., arXiv 2412.12465). A group of
/// consecutive tokens becomes one core token,
///
///     a = softmax over the group of u_last . u_i / temperature        core = sum of a_i x_i
///
/// with `u` the tokens divided by their length, in place of learnt queries and keys. Consecutive means along time at one
/// cell, where pooling waits for no later frame, or in raster order within a frame. The local window of the paper, which
/// attends to single tokens inside the language model, has no part in this.
///
/// Every line of tokens is cut into as many groups of equal length (or one frame or token more) as the count allows.
///
/// Shapes: `[T, N, D]` to at most `count` rows, but at least one for each line (N along time, T in raster order).
/// Anchors: the last of a group. Cost: O(T N D).
///
/// With `asPublished` all groups have the same size, the whole number nearest to T N / count; the last may be shorter.
struct GroupPoolMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "group-pool", kind: .merge,
        summary: "Averages groups of consecutive tokens, weighted by their likeness to the last.",
        source: "CCA, arXiv 2412.12465",
        parameters: [
            .choice(
                "order", among: ["time", "raster"], "Groups run along time at each cell, or along a frame's rows."),
            .real("temperature", 0.1, in: 0.001...1000, "Smaller gives more weight to what is like the last token."),
        ],
        cost: "O(T N D)")

    private enum Order: CaseIterable { case time, raster }

    private let order: Order
    private let temperature: Float

    init(_ values: ParameterValues) {
        order = values.choice("order", as: Order.self)
        temperature = Float(values.real("temperature"))
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let (lines, length) =
            order == .time ? (shape.tokensPerFrame, shape.frames) : (shape.frames, shape.tokensPerFrame)
        let groups = groups(of: length, lines: lines, count: count, input)
        let rows = try Parallel.map(count: lines, workers: input.workers) { line throws(TokenReelError) in
            try input.checkCancellation()
            return groups.map { group in
                row(of: group.map { order == .time ? $0 * lines + line : line * length + $0 }, input)
            }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows.flatMap { $0 }).inReadingOrder()
    }

    private func groups(of length: Int, lines: Int, count: Int, _ input: ReductionInput) -> [Range<Int>] {
        if input.asPublished {
            return Rows.blocks(of: length, size: max(Int((Double(lines * length) / Double(count)).rounded()), 1))
        }
        let parts = min(max(count / lines, 1), length)
        return (0..<parts).map { $0 * length / parts..<($0 + 1) * length / parts }
    }

    private func row(of group: [Int], _ input: ReductionInput) -> ReductionPlan.Row {
        let last = group[group.count - 1]
        let products = input.grid.values.withRows(last..<last + 1, channels: input.channels) { last in
            group.map { token in
                input.grid.values.withRows(token..<token + 1, channels: input.channels) { Rows.dot($0, last) }
            }
        }
        let cosines = zip(group, products).map { token, product in
            let scale = input.norms[token] * input.norms[last]
            return scale > 0 ? product / scale : 0
        }
        return .init(anchor: last, sources: group, weights: Softmax.weights(of: cosines, temperature: temperature))
    }
}
