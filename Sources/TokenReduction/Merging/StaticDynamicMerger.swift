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
/// Beyond the paper, `rests` joins the frames in which a moving cell rests: a cell that changes once in a segment then
/// costs two tokens instead of one a frame. And `novelty` shares the budget by `(1 - similarity to the frame before) /
/// (1 - tau)`, up to 1 a token, so that a background seen before costs little and a cut or a moving object gets its
/// due; by the same measure a token like its left or upper neighbour counts down to a half. What the budget holds beyond
/// that is left to the reconciling step.
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
            .whole("rests", 0, in: 0...1, "1 averages a moving cell over the frames in which it rests, too."),
            .whole("novelty", 0, in: 0...1, "1 shares the budget by how much is new instead of by number of tokens."),
            .whole("neighbours", 7, in: 1...1000, "Nearest neighbours that make up a token's density."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N D + T N^2 D)")

    var needs: Set<Signal> { contextual < 1 ? [.saliency] : [] }

    private let threshold: Float
    private let contextual: Double
    private let beta: Float
    private let isPlainMean: Bool
    private let mergesRests: Bool
    private let sharesByNovelty: Bool
    private let neighbours: Int

    init(_ values: ParameterValues) {
        threshold = Float(values.real("tau"))
        contextual = values.real("contextual")
        beta = Float(values.real("beta"))
        isPlainMean = values.flag("plain-mean")
        mergesRests = values.flag("rests")
        sharesByNovelty = values.flag("novelty")
        neighbours = values.whole("neighbours")
    }

    /// One cell over some frames, whose tokens become one.
    private struct Run {
        let cell: Int
        let frames: Range<Int>
    }

    /// Runs that share a budget: the still cells of a segment, or what begins in one frame.
    private struct Group {
        let runs: [Run]
        let isStatic: Bool
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let groups = groups(in: input, segments)
        let counts = input.asPublished ? publishedCounts(groups, input, count) : exactCounts(groups, input, count)
        let saliency = needs.contains(.saliency) ? input.saliency() : nil
        let rows = try Parallel.map(count: groups.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            return self.rows(of: groups[index], count: counts[index], saliency, input)
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 })
    }

    private func groups(in input: ReductionInput, _ segments: [Segment]) -> [Group] {
        let cells = input.grid.shape.tokensPerFrame
        return segments.flatMap { segment -> [Group] in
            let still = input.temporalSimilarity.staticCells(in: segment, above: threshold)
            var isStill = [Bool](repeating: false, count: cells)
            for cell in still { isStill[cell] = true }
            let background = Group(runs: still.map { Run(cell: $0, frames: segment.frames) }, isStatic: true)
            var beginning = [[Run]](repeating: [], count: segment.count)
            for cell in 0..<cells where !isStill[cell] {
                for run in runs(of: cell, in: segment, input.temporalSimilarity) {
                    beginning[run.frames.lowerBound - segment.start].append(run)
                }
            }
            let all = [background] + beginning.map { Group(runs: $0, isStatic: false) }
            return all.filter { !$0.runs.isEmpty }
        }
    }

    /// A moving cell's frames, one by one, or joined as long as it rests.
    private func runs(of cell: Int, in segment: Segment, _ similarity: TemporalSimilarity) -> [Run] {
        var runs: [Run] = []
        var start = segment.start
        for frame in segment.frames {
            let isLast = frame == segment.end - 1
            let rests = !isLast && mergesRests && similarity.values[frame * similarity.cells + cell] > threshold
            if !rests {
                runs.append(Run(cell: cell, frames: start..<frame + 1))
                start = frame + 1
            }
        }
        return runs
    }

    // MARK: How many tokens each group gets

    private func exactCounts(_ groups: [Group], _ input: ReductionInput, _ count: Int) -> [Int] {
        let weights = groups.mapParallel(workers: input.workers) { weight(of: $0, input) }
        // More tokens than there is news are better spent one by one on what is represented worst.
        let news = Int(weights.reduce(0, +).rounded(.up))
        return Apportionment.share(
            sharesByNovelty ? min(count, news) : count, among: weights, capacities: groups.map(\.runs.count))
    }

    /// How much of the budget a group deserves: its number of runs, or how much of them is new.
    private func weight(of group: Group, _ input: ReductionInput) -> Double {
        guard sharesByNovelty else { return Double(group.runs.count) }
        return group.runs.reduce(0) { $0 + Double(novelty(of: $1, input)) }
    }

    /// How much of a run was seen neither in the frame before nor beside it.
    private func novelty(of run: Run, _ input: ReductionInput) -> Float {
        let shape = input.grid.shape
        let frame = run.frames.lowerBound
        let token = frame * shape.tokensPerFrame + run.cell
        var beside: [Int] = []
        if run.cell % shape.columns > 0 { beside.append(token - 1) }
        if run.cell >= shape.columns { beside.append(token - shape.columns) }
        let detail = input.cosines(of: beside, to: token).max().map { difference($0) } ?? 1
        let change =
            frame > 0 ? difference(input.temporalSimilarity.values[token - shape.tokensPerFrame]) : 1
        return max(change * max(detail, Self.leastDetail), Self.leastNovelty)
    }

    /// How unlike two tokens are; those that are no longer static are as unlike as can be.
    private func difference(_ cosine: Float) -> Float {
        min(max((1 - cosine) / max(1 - threshold, .leastNormalMagnitude), 0), 1)
    }

    /// What a cell weighs that looks exactly as before, so that every segment keeps some of its background.
    private static let leastNovelty: Float = 0.05
    /// What a new cell weighs that looks exactly like the one beside it: tokens in between blend the two.
    private static let leastDetail: Float = 0.5

    private func publishedCounts(_ groups: [Group], _ input: ReductionInput, _ count: Int) -> [Int] {
        let sources = input.grid.shape.tokenCount
        let merged = groups.reduce(0) { $0 + $1.runs.count }
        guard merged > 0 else { return [] }
        // The reference's own ratio where the caller gave one: `count` has been rounded already.
        let ratio = input.publishedRatio ?? Double(count) / Double(sources)
        let raised = min(ratio / (Double(merged) / Double(sources)), 1)
        return groups.map { group in
            let quota = Double(group.runs.count) * raised
            return Int(group.isStatic ? quota.rounded(.toNearestOrEven) : quota.rounded(.up))
        }
    }

    // MARK: One group's rows

    private func rows(
        of group: Group, count: Int, _ saliency: [Float]?, _ input: ReductionInput
    ) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let tokensPerFrame = input.grid.shape.tokensPerFrame
        let sources = group.runs.map { run in run.frames.map { $0 * tokensPerFrame + run.cell } }
        let means = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount, rows: sources.map { .init(anchor: $0[0], averaging: $0) })
        var dominant: [Int] = []
        if !group.isStatic, let saliency, count < sources.count {
            let dominantCount = Int((Double(count) * (1 - contextual)).rounded(.toNearestOrEven))
            dominant = Ranking.largest(dominantCount, of: means.applied(to: saliency)).sorted()
        }
        let rows = dominant.map { means.row($0) }
        let isDominant = Set(dominant)
        let rest = sources.indices.filter { !isDominant.contains($0) }
        guard dominant.count < count else { return rows }
        let values = means.selecting(rest).applied(to: input.grid.values, channels: input.channels)
        return rows
            + clusters(values, count: count - dominant.count, input).map { cluster in
                row(of: cluster, rest.map { sources[$0] })
            }
    }

    private func row(of cluster: Cluster, _ sources: [[Int]]) -> ReductionPlan.Row {
        let members = cluster.members.map { sources[$0] }
        let anchor = sources[cluster.centre][0]
        if isPlainMean { return .init(anchor: anchor, averaging: members.flatMap { $0 }) }
        let others = Float(members.count - 1)
        let weights = zip(cluster.members, members).flatMap { member, run -> [Float] in
            let weight = members.count == 1 ? 1 : member == cluster.centre ? beta : (1 - beta) / others
            return run.map { _ in weight / Float(run.count) }
        }
        return .init(anchor: anchor, sources: members.flatMap { $0 }, weights: weights)
    }

    private struct Cluster {
        let centre: Int
        let members: [Int]
    }

    private func clusters(_ values: TensorBuffer<Float>, count: Int, _ input: ReductionInput) -> [Cluster] {
        let tokens = values.count / input.channels
        guard count < tokens else { return (0..<tokens).map { Cluster(centre: $0, members: [$0]) } }
        let peaks = values.withUnsafeBufferPointer {
            // Few clusters need a density of few neighbours; the reference never looks at more than it makes clusters.
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: min(neighbours, count),
                asPublished: input.asPublished)
        }
        return zip(peaks.centres, peaks.members).map { Cluster(centre: $0, members: $1) }
    }
}
