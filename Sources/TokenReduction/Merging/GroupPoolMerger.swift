internal import TensorOps
internal import TokenCore

/// Pools groups of consecutive tokens, each weighted by what the last of the group attends to.
///
/// Source: the globality-aware pooling of core context aware attention (CCA, Chen et al., arXiv 2412.12465). A group of
/// consecutive tokens becomes one core token,
///
///     a = softmax over the group of u_last . u_i / temperature        core = sum of a_i x_i
///
/// with `u` the tokens divided by their length, in place of learnt queries and keys. Consecutive means along time at
/// one cell, where pooling waits for no later frame, or in raster order within a frame. The local window of the paper,
/// which attends to single tokens inside the language model, has no part in this.
///
/// To meet a count every line of tokens is cut into its share of groups, all of one length or one token more.
///
/// Shapes: `[T, N, D]` to `count` rows, but at least one for each line (N along time, T in raster order).
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
        let rows = try Parallel.map(count: lines, workers: input.workers) { line throws(TokenReelError) in
            try input.checkCancellation()
            let share = Apportionment.evenShare(of: count, group: line, groups: lines)
            let size = (Double(shape.tokenCount) / Double(count)).rounded()
            let groups =
                input.asPublished
                ? Rows.blocks(of: length, size: max(Int(size), 1)) : Self.equalParts(of: length, count: max(share, 1))
            return groups.map { group in
                row(of: group.map { order == .time ? $0 * lines + line : line * length + $0 }, input)
            }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows.flatMap { $0 }).inReadingOrder()
    }

    private static func equalParts(of length: Int, count: Int) -> [Range<Int>] {
        (0..<count).map { $0 * length / count..<($0 + 1) * length / count }
    }

    private func row(of group: [Int], _ input: ReductionInput) -> ReductionPlan.Row {
        let last = group[group.count - 1]
        let cosines = input.cosines(of: group, to: last)
        return .init(anchor: last, sources: group, weights: Softmax.weights(of: cosines, temperature: temperature))
    }
}
