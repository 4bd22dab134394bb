internal import TensorOps
internal import TokenCore

/// Averages the cells of a segment that stay alike in all its frames, and clusters what is left frame by frame.
///
/// Source: PruneVid (Huang et al., ACL 2025, arXiv 2412.16117). A cell of a segment of W frames is static
/// if the mean cosine over all pairs of its frames is above tau; with unit vectors u that is
///
///     (|sum of u|^2 - W) / (W (W - 1)) > tau
///
/// so it needs no pairs. A static cell becomes the mean of its frames. DPC-KNN joins the static cells of a segment
/// into clusters, and so the other tokens of each frame; a cluster becomes the plain mean of its members.
///
/// Sets of more than 14 tokens have floor(n ratio) clusters, smaller ones stay as they are. With `asPublished` that
/// is the count, whatever was asked for, and clusters come by descending density-peak score. Under a budget every set
/// gets its part of it in proportion to that count.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Anchors: the centre's cell, in a segment's first frame if it is static.
/// Cost: O(T N D + T N^2 D).
struct StaticWindowMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "static-window", kind: .merge,
        summary: "Averages cells that stay alike through a segment, and clusters the other tokens of each frame.",
        source: "PruneVid, arXiv 2412.16117",
        parameters: [
            .real("tau", 0.8, in: -1...1, "A cell is static if the mean cosine of its frames is above this."),
            .real(
                "cluster-ratio", 0.5, in: 0...1, "Clusters of a set, as a share of its tokens; under a budget a weight."
            ),
            .whole("neighbours", 7, in: 1...1000, "Nearest neighbours that make up the density of a frame or token."),
        ],
        cost: "O(T N D + T N^2 D)")

    private let threshold: Float
    private let ratio: Double
    private let neighbours: Int

    /// Sets up to this size the reference does not cluster.
    private static let largestSmallSet = 14

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        ratio = values.real("cluster-ratio")
        neighbours = values.whole("neighbours")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        try input.checkCancellation()
        let sets = segments.mapParallel(workers: input.workers) { self.sets(of: $0, input) }.flatMap { $0 }
        let published = sets.map { publishedCount(of: $0.count) }
        let counts =
            input.asPublished
            ? published
            : Apportionment.share(count, among: published.map(Double.init), capacities: sets.map(\.count))
        let rows = try Parallel.map(count: sets.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            return self.rows(of: sets[index], count: counts[index], input)
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func publishedCount(of tokens: Int) -> Int {
        tokens > Self.largestSmallSet ? Int(Double(tokens) * ratio) : tokens
    }

    /// The static cells of a segment, then each frame's other tokens; every one as the source tokens it averages.
    private func sets(of segment: Segment, _ input: ReductionInput) -> [[[Int]]] {
        let cells = input.grid.shape.tokensPerFrame
        let isStatic = (0..<cells).map { steadiness(of: $0, in: segment, input) > threshold }
        let still = (0..<cells).filter { isStatic[$0] }.map { cell in segment.frames.map { $0 * cells + cell } }
        let moving = segment.frames.map { frame in
            (0..<cells).filter { !isStatic[$0] }.map { [frame * cells + $0] }
        }
        return ([still] + moving).filter { !$0.isEmpty }
    }

    /// Mean cosine over all pairs of a cell's frames; lower than any threshold in a single frame.
    private func steadiness(of cell: Int, in segment: Segment, _ input: ReductionInput) -> Float {
        guard segment.count > 1 else { return -.infinity }
        let cells = input.grid.shape.tokensPerFrame
        let tokens = segment.frames.map { $0 * cells + cell }.filter { input.norms[$0] > 0 }
        var sum = [Float](repeating: 0, count: input.channels)
        sum.withUnsafeMutableBufferPointer { sum in
            for token in tokens {
                input.grid.values.withRows(token..<token + 1, channels: input.channels) {
                    Rows.add($0, scale: 1 / input.norms[token], to: sum)
                }
            }
        }
        let square = sum.withUnsafeBufferPointer { Rows.dot($0, $0) }
        return (square - Float(tokens.count)) / Float(segment.count * (segment.count - 1))
    }

    private func rows(of set: [[Int]], count: Int, _ input: ReductionInput) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let means = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount, rows: set.map { .init(anchor: $0[0], averaging: $0) })
        guard count < set.count else { return (0..<set.count).map { means.row($0) } }
        let clusters = means.applied(to: input.grid.values, channels: input.channels).withUnsafeBufferPointer {
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: neighbours,
                asPublished: input.asPublished)
        }
        let order = input.asPublished ? clusters.ranking : Array(0..<count)
        let members = clusters.members
        return order.map { place in
            .init(anchor: set[clusters.centres[place]][0], averaging: members[place].flatMap { set[$0] })
        }
    }
}
