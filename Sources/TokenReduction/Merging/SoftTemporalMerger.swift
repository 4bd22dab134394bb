internal import TensorOps
internal import TokenCore

/// Blends every cell over time with what looks like it, then keeps some of the frames.
///
/// Source: the soft attentive temporal merging of EVLGen, also known as SimVLG (Jian et al., arXiv 2310.03291). Per cell,
/// with `u` the tokens divided by their length in place of learnt queries and keys, frame f becomes
///
///     sum over frames g of softmax_g(u_f . u_g / temperature) x_g
///
/// where the paper adds such a sum to x_f through a gate that training opens. Then every k-th frame is kept. Frames
/// further away than `reach` are left out, so that a long video costs no more a frame than a short one.
///
/// As many frames are kept as the count allows, at equal distances. Shapes: `[T, N, D]` to at most `count` rows, but never
/// fewer than N; rows share sources. Anchors: the cells of the kept frames. Cost: O(K N reach D) for K kept frames.
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
        cost: "O(K N reach D) for K kept frames", overlaps: true)

    private let temperature: Float
    private let reach: Int

    init(_ values: ParameterValues) {
        temperature = Float(values.real("temperature"))
        reach = values.whole("reach")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let shape = input.grid.shape
        let kept = keptFrames(of: shape, count: count, isEvenlySpaced: !input.asPublished)
        let rows = try Parallel.map(count: kept.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            return self.rows(of: kept[index], input)
        }
        return ReductionPlan(sourceCount: shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func keptFrames(of shape: GridShape, count: Int, isEvenlySpaced: Bool) -> [Int] {
        if isEvenlySpaced {
            let frames = min(max(count / shape.tokensPerFrame, 1), shape.frames)
            return (0..<frames).map { $0 * shape.frames / frames }
        }
        let step = max(Int((Double(shape.tokenCount) / Double(count)).rounded()), 1)
        return Array(stride(from: 0, to: shape.frames, by: step))
    }

    private func rows(of frame: Int, _ input: ReductionInput) -> [ReductionPlan.Row] {
        let shape = input.grid.shape
        let cells = shape.tokensPerFrame
        let others = Array(max(frame - reach, 0)..<min(frame + reach + 1, shape.frames))
        let cosines = input.grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: input.channels) {
            kept in
            others.map { other in
                input.grid.values.withRows(other * cells..<(other + 1) * cells, channels: input.channels) {
                    Rows.cosines($0, kept, channels: input.channels)
                }
            }
        }
        return (0..<cells).map { cell in
            .init(
                anchor: frame * cells + cell, sources: others.map { $0 * cells + cell },
                weights: Softmax.weights(of: cosines.map { $0[cell] }, temperature: temperature))
        }
    }
}
