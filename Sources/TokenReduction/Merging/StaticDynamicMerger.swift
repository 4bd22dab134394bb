internal import TensorOps
internal import TokenCore

/// Static/dynamic spatio-temporal merging: what stays still is averaged over time and clustered, what moves is chosen
/// frame by frame.
///
/// Source: HoliTom (Shao et al., NeurIPS 2025, arXiv 2505.21334), section 3.3. In every segment of more than one frame
/// the cells whose similarity stays above tau are static: each becomes the mean of its frames, and DPC-KNN joins them
/// into clusters. All other tokens are dynamic: per frame the most salient are kept as they are ("dominant"), and a
/// share of the budget goes to DPC-KNN clusters of the rest ("contextual"). A cluster becomes
///
///     beta * centre + (1 - beta) * mean of the other members
///
/// Shapes: `[T, N, D]` to `[count, D]`. Anchors: static clusters take their centre's cell in the segment's first frame.
/// Cost: O(T N D) to read, O(n^2 D) for each clustered set of n tokens.
///
/// With `asPublished` the counts follow the reference: the ratio R is raised to R' = R M / (M - merged away), static
/// sets get round(n R') centres (none at all for tiny sets) and frames ceil(n R') tokens, so the sum is near R M only.
/// Otherwise the counts are shared exactly.
struct StaticDynamicMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "static-dynamic", kind: .merge,
        summary: "Averages still cells over time and clusters them; picks and clusters moving tokens frame by frame.",
        source: "HoliTom, arXiv 2505.21334, section 3.3",
        parameters: [
            .real("tau", 0.8, in: -1...1, "A cell is static while its cosine to the next frame is above this."),
            .real(
                "contextual", 0, in: 0...1,
                "Share of a frame's tokens that are clusters; the rest are the most salient."),
            .real("beta", 0.6, in: 0...1, "Weight of a cluster's centre against the mean of its other members."),
            .whole("plain-mean", 0, in: 0...1, "1 averages a cluster's members equally instead of using beta."),
            .whole("neighbours", 7, in: 1...1000, "Nearest neighbours that make up a token's density."),
        ],
        needs: [.saliency], cost: "O(T N D + T N^2 D)")

    var needs: Set<Signal> { contextual < 1 ? [.saliency] : [] }

    private let threshold: Float
    private let contextual: Double
    private let beta: Float
    private let isPlainMean: Bool
    private let neighbours: Int

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        contextual = values.real("contextual")
        beta = Float(values.real("beta"))
        isPlainMean = values.flag("plain-mean")
        neighbours = values.whole("neighbours")
    }

    /// Tokens that share a budget: the static cells of a segment, or the dynamic tokens of one frame.
    private struct Group {
        let frames: Range<Int>
        let cells: [Int]
        let isStatic: Bool
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let groups = groups(in: input, segments)
        let counts = input.asPublished ? publishedCounts(groups, input, count) : exactCounts(groups, count)
        let saliency = needs.contains(.saliency) ? input.saliency() : []
        let rows = try Parallel.map(count: groups.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            let group = groups[index]
            return group.isStatic
                ? staticRows(of: group, count: counts[index], input)
                : dynamicRows(of: group, count: counts[index], saliency, input)
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func groups(in input: ReductionInput, _ segments: [Segment]) -> [Group] {
        let cells = input.grid.shape.tokensPerFrame
        return segments.flatMap { segment -> [Group] in
            let still = input.temporalSimilarity.staticCells(in: segment, above: threshold)
            var isStill = [Bool](repeating: false, count: cells)
            for cell in still { isStill[cell] = true }
            let moving = (0..<cells).filter { !isStill[$0] }
            let dynamic = segment.frames.map { Group(frames: $0..<$0 + 1, cells: moving, isStatic: false) }
            let all = [Group(frames: segment.frames, cells: still, isStatic: true)] + dynamic
            return all.filter { !$0.cells.isEmpty }
        }
    }

    // MARK: How many tokens each group gets

    private func exactCounts(_ groups: [Group], _ count: Int) -> [Int] {
        Apportionment.share(count, among: groups.map { Double($0.cells.count) }, capacities: groups.map(\.cells.count))
    }

    private func publishedCounts(_ groups: [Group], _ input: ReductionInput, _ count: Int) -> [Int] {
        let sources = input.grid.shape.tokenCount
        let merged = groups.reduce(0) { $0 + $1.cells.count }
        guard merged > 0 else { return [] }
        // The reference's own ratio where the caller gave one: `count` has been rounded already.
        let ratio = input.publishedRatio ?? Double(count) / Double(sources)
        let raised = min(ratio / (Double(merged) / Double(sources)), 1)
        return groups.map { group in
            let quota = Double(group.cells.count) * raised
            return Int(group.isStatic ? quota.rounded(.toNearestOrEven) : quota.rounded(.up))
        }
    }

    // MARK: One group's rows

    private func staticRows(of group: Group, count: Int, _ input: ReductionInput) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let tokensPerFrame = input.grid.shape.tokensPerFrame
        let means = temporalMeans(of: group, input)
        return clusters(means, channels: input.channels, count: count).map { cluster in
            let sources = cluster.members.flatMap { member in
                group.frames.map { $0 * tokensPerFrame + group.cells[member] }
            }
            let weights = cluster.weights.flatMap { weight in
                Array(repeating: weight / Float(group.frames.count), count: group.frames.count)
            }
            let anchor = group.frames.lowerBound * tokensPerFrame + group.cells[cluster.centre]
            return .init(anchor: anchor, sources: sources, weights: weights)
        }
    }

    private func dynamicRows(
        of group: Group, count: Int, _ saliency: [Float], _ input: ReductionInput
    ) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let tokens = group.cells.map { group.frames.lowerBound * input.grid.shape.tokensPerFrame + $0 }
        guard count < tokens.count else { return tokens.map { .init(keeping: $0) } }
        let dominantCount = Int((Double(count) * (1 - contextual)).rounded(.toNearestOrEven))
        let dominant =
            dominantCount > 0
            ? Ranking.largest(dominantCount, of: tokens.map { saliency[$0] }).sorted() : []
        var rows = dominant.map { ReductionPlan.Row(keeping: tokens[$0]) }
        if dominantCount < count {
            let chosen = Set(dominant)
            let rest = tokens.indices.filter { !chosen.contains($0) }.map { tokens[$0] }
            let values = input.grid.values.gathering(rest, channels: input.channels)
            rows += clusters(values, channels: input.channels, count: count - dominantCount).map { cluster in
                .init(anchor: rest[cluster.centre], sources: cluster.members.map { rest[$0] }, weights: cluster.weights)
            }
        }
        return rows
    }

    private struct Cluster {
        let centre: Int
        let members: [Int]
        let weights: [Float]
    }

    private func clusters(_ values: TensorBuffer<Float>, channels: Int, count: Int) -> [Cluster] {
        let tokens = values.count / channels
        guard count < tokens else {
            return (0..<tokens).map { Cluster(centre: $0, members: [$0], weights: [1]) }
        }
        let peaks = values.withUnsafeBufferPointer {
            // Few clusters need a density of few neighbours; the reference never looks at more than it makes clusters.
            DensityPeaks($0, channels: channels, count: count, neighbours: min(neighbours, count))
        }
        return zip(peaks.centres, peaks.members).map { centre, members in
            let others = Float(members.count - 1)
            let weights = members.map { member -> Float in
                if members.count == 1 { return 1 }
                if isPlainMean { return 1 / Float(members.count) }
                return member == centre ? beta : (1 - beta) / others
            }
            return Cluster(centre: centre, members: members, weights: weights)
        }
    }

    /// `[cells, D]`: each static cell's mean over the frames of its segment.
    private func temporalMeans(of group: Group, _ input: ReductionInput) -> TensorBuffer<Float> {
        let tokensPerFrame = input.grid.shape.tokensPerFrame
        let scale = 1 / Float(group.frames.count)
        let means = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount,
            rows: group.cells.map { cell in
                let sources = group.frames.map { $0 * tokensPerFrame + cell }
                return .init(anchor: sources[0], sources: sources, weights: sources.map { _ in scale })
            })
        return means.applied(to: input.grid.values, channels: input.channels)
    }
}
