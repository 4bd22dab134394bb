internal import TensorOps
internal import TokenCore

/// Blends every cell over time with what looks like it, then keeps some of the frames.
///
/// Source: the soft attentive temporal merging of EVLGen, also known as SimVLG (Jian et al., arXiv 2310.03291). Per
/// cell, with `u` the tokens divided by their length in place of learnt queries and keys, frame f becomes
///
///     sum over frames g of softmax_g(u_f . u_g / temperature) x_g
///
/// where the paper adds such a sum to x_f through a gate that training opens. Then every k-th frame is kept. Frames
/// further away than `reach` are left out, so that a long video costs no more a frame than a short one.
///
/// To meet a count every cell keeps its share of frames, at equal distances. Shapes: `[T, N, D]` to `count` rows, but
/// never fewer than N; rows share sources. Anchors: the kept tokens. Cost: O(count reach D).
///
/// With `asPublished` k is the whole number nearest to T N / count, and the first frame is kept.
struct SoftTemporalMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "soft-temporal", kind: .merge,
        summary: "Blends each cell with its likes in other frames and keeps every k-th frame.",
        source: "EVLGen (SimVLG), arXiv 2310.03291",
        parameters: [
            .real("temperature", 0.1, in: 0.001...1000, "Smaller blends a cell with fewer frames."),
            .whole("reach", 32, in: 0...1_000_000, "How many frames away a frame still takes part."),
        ],
        cost: "O(K reach D) for K kept tokens", overlaps: true)

    private let temperature: Float
    private let reach: Int

    init(_ values: ParameterValues) {
        temperature = Float(values.real("temperature"))
        reach = values.whole("reach")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let cells = shape.tokensPerFrame
        let rows = try Parallel.map(count: cells, workers: input.workers) { cell throws(TokenReelError) in
            try input.checkCancellation()
            return keptFrames(of: cell, shape, count: count, isEvenlySpaced: !input.asPublished).map { frame in
                row(of: cell, at: frame, input)
            }
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows.flatMap { $0 }).inReadingOrder()
    }

    private func keptFrames(of cell: Int, _ shape: GridShape, count: Int, isEvenlySpaced: Bool) -> [Int] {
        if isEvenlySpaced {
            let share = max(Apportionment.evenShare(of: count, group: cell, groups: shape.tokensPerFrame), 1)
            return (0..<share).map { $0 * shape.frames / share }
        }
        let step = max(Int((Double(shape.tokenCount) / Double(count)).rounded()), 1)
        return Array(stride(from: 0, to: shape.frames, by: step))
    }

    private func row(of cell: Int, at frame: Int, _ input: ReductionInput) -> ReductionPlan.Row {
        let shape = input.grid.shape
        let kept = frame * shape.tokensPerFrame + cell
        let sources = (max(frame - reach, 0)..<min(frame + reach + 1, shape.frames)).map {
            $0 * shape.tokensPerFrame + cell
        }
        let cosines = input.cosines(of: sources, to: kept)
        return .init(
            anchor: kept, sources: sources, weights: Softmax.weights(of: cosines, temperature: temperature))
    }
}
