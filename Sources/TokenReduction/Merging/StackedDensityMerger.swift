internal import TensorOps
internal import TokenCore

/// Density-peak clusters of density-peak clusters: tokens of a frame first, then what that left of a few frames.
///
/// Source: HBI (Jin et al., CVPR 2023, arXiv 2303.14369), which stacks two DPC-KNN merges of ratio 1/4 and 1/2 on the
/// frames of a clip to go from entities to actions to events. Each level has `max(1, ceil(ratio n))` centres. Here
/// the lower level merges the tokens of a frame, and the upper one the clusters of `window` frames, so that it merges
/// over time as well.
///
/// Deviation: HBI weighs the members of a cluster by a learned score; here a cluster is the plain mean of its members.
///
/// Shapes: `[T, N, D]` to `[count, D]`. A budget of ratio R moves both levels, `R^p` and `R^(1 - p)` with
/// `p = ln(ratio) / ln(ratio * upper-ratio)`, and windows share it by length. Anchors: the centre's centre.
/// Cost: O(T N^2 D), and O(T window (N R^p)^2 D).
struct StackedDensityMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "stacked-density", kind: .merge,
        summary: "Clusters the tokens of each frame, and then the clusters of a few frames.",
        source: "HBI, arXiv 2303.14369",
        parameters: [
            .real("ratio", 0.25, in: 0.01...1, "Clusters of a frame, as a share of its tokens."),
            .real("upper-ratio", 0.5, in: 0.01...1, "Clusters of a window, as a share of its frames' clusters."),
            .whole("window", 4, in: 1...1000, "Frames whose clusters are clustered together."),
            .whole("neighbours", 3, in: 1...1000, "Nearest neighbours that make up a token's density."),
        ],
        cost: "O(T N^2 D)")

    private let lowerRatio: Double
    private let upperRatio: Double
    private let window: Int
    private let neighbours: Int

    init(_ values: ParameterValues) {
        lowerRatio = values.real("ratio")
        upperRatio = values.real("upper-ratio")
        window = values.whole("window")
        neighbours = values.whole("neighbours")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let windows = Rows.blocks(of: input.grid.shape.frames, size: window)
        let lower = lowerCount(count, input)
        let upper =
            input.asPublished
            ? windows.map { Self.share(upperRatio, of: $0.count * lower) }
            : Apportionment.share(
                count, among: windows.map { Double($0.count) }, capacities: windows.map { $0.count * lower })
        let rows = try Parallel.map(count: windows.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            let frames = windows[index].flatMap { frame in
                let tokens = ReductionPlan(
                    sourceCount: input.grid.shape.tokenCount, keeping: Array(frame * cells..<(frame + 1) * cells))
                return self.clusters(of: tokens, count: lower, input).rows
            }
            let plan = ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: frames)
            return self.clusters(of: plan, count: upper[index], input).rows
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 }).inReadingOrder()
    }

    private static func share(_ ratio: Double, of count: Int) -> Int {
        max(Int((Double(count) * ratio).rounded(.up)), 1)
    }

    /// Clusters of a frame on the lower level.
    private func lowerCount(_ count: Int, _ input: ReductionInput) -> Int {
        let cells = input.grid.shape.tokensPerFrame
        guard !input.asPublished else { return Self.share(lowerRatio, of: cells) }
        let ratio = Double(count) / Double(input.grid.shape.tokenCount)
        let both = Elementary.log(lowerRatio * upperRatio)
        let power = both < 0 ? Elementary.log(lowerRatio) / both : 1
        let share = Elementary.exp(Float(power * Elementary.log(ratio)))
        // The upper level can't make more clusters than it is given.
        let least = (count + input.grid.shape.frames - 1) / input.grid.shape.frames
        return min(max(Self.share(Double(share), of: cells), least), cells)
    }

    /// The plan's tokens merged into clusters.
    private func clusters(of plan: ReductionPlan, count: Int, _ input: ReductionInput) -> ReductionPlan {
        guard count < plan.count else { return plan }
        guard count > 0 else { return plan.selecting([]) }
        let values = plan.applied(to: input.grid.values, channels: input.channels)
        let clusters = values.withUnsafeBufferPointer {
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: neighbours, asPublished: input.asPublished)
        }
        return plan.composed(
            with: ReductionPlan(
                sourceCount: plan.count,
                rows: zip(clusters.centres, clusters.members).map { .init(anchor: $0, averaging: $1) }))
    }
}

extension ReductionPlan {
    /// All rows as values.
    fileprivate var rows: [Row] { (0..<count).map { row($0) } }
}
