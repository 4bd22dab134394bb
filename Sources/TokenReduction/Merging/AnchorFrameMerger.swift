internal import TensorOps
internal import TokenCore

/// Density-based merging around the tokens of a few anchor frames.
///
/// Source: FastVID (Shen et al., NeurIPS 2025, arXiv 2503.11187). In every frame the most salient tokens stay as they
/// are. Every p-th frame of a segment, counted from its end, is an anchor frame: the density peaks of its other
/// tokens (DPC-KNN) are centres. For each anchor frame on its own, the other tokens of the whole segment join the
/// centre of highest cosine. With m tokens joined, the centre among them, and `w = max(1 / (m + 1), beta)` it becomes
///
///     w * centre + (1 - w) * mean of the m tokens
///
/// so that a token stands in one row for each anchor frame of its segment.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Segments share a budget by length; `context` of it goes to centres. What
/// anchor frames can't hold goes to salient tokens. Anchors: the centres' own cells. Cost: O(T N D * centres of a
/// segment).
///
/// Where every frame is an anchor, centres merge tokens of their own frame only. With `asPublished` every frame has
/// b = floor(N R) tokens, floor(b context) of them for centres and the others salient; an anchor frame has
/// floor(floor(b context) * length / anchor frames) centres.
struct AnchorFrameMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "anchor-frames", kind: .merge,
        summary: "Keeps salient tokens and merges each segment's rest around density peaks of a few anchor frames.",
        source: "FastVID, arXiv 2503.11187",
        parameters: [
            .real("context", 0.4, in: 0...1, "Share of the tokens that are merged; the rest are the most salient."),
            .whole("anchor-step", 4, in: 1...1_000_000, "Frames from one anchor frame to the next."),
            .real("beta", 0.6, in: 0...1, "Least weight of a centre against the mean of what joins it."),
            .whole("neighbours", 4, in: 1...1000, "Nearest neighbours that make up a token's density."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"],
        cost: "O(T N D C) for C centres of a segment", overlaps: true)

    private let context: Double
    private let step: Int
    private let beta: Float
    private let neighbours: Int

    init(_ values: ParameterValues) {
        context = values.real("context")
        step = values.whole("anchor-step")
        beta = Float(values.real("beta"))
        neighbours = values.whole("neighbours")
    }

    /// How many tokens a frame keeps, and how many centres it has.
    private struct Share {
        var salient: Int
        var centres = 0
        /// Whether centres draw tokens of the whole segment, not of their frame alone.
        var spansSegment = true
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let lengths = segments.map { Double($0.count) }
        let budgets = Apportionment.share(count, among: lengths, capacities: segments.map { $0.count * cells })
        let shares = zip(segments, budgets).flatMap { segment, budget in
            input.asPublished ? publishedShares(of: segment, input, count) : exactShares(of: segment, budget, cells)
        }
        let saliency = input.saliency()
        let salient = Array(0..<input.grid.shape.frames).mapParallel(workers: input.workers) { frame -> [Int] in
            let scores = Array(saliency[frame * cells..<(frame + 1) * cells])
            return Ranking.largest(shares[frame].salient, of: scores).map { frame * cells + $0 }.sorted()
        }
        let rests = salient.enumerated().map { frame, salient -> [Int] in
            let isSalient = Set(salient)
            return (frame * cells..<(frame + 1) * cells).filter { !isSalient.contains($0) }
        }
        let segmentOfFrame = segments.flatMap { segment in segment.frames.map { _ in segment } }
        let rows = try Parallel.map(count: salient.count, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            let joining = shares[frame].spansSegment ? segmentOfFrame[frame].frames : frame..<frame + 1
            let merged = self.clusters(around: frame, count: shares[frame].centres, joining, rests, input)
            return salient[frame].map { .init(keeping: $0) } + merged
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows.flatMap { $0 }).inReadingOrder()
    }

    // MARK: How many tokens each frame gets

    private func anchorFrames(of segment: Segment) -> [Bool] {
        segment.frames.map { (segment.end - 1 - $0) % step == 0 }
    }

    private func publishedShares(of segment: Segment, _ input: ReductionInput, _ count: Int) -> [Share] {
        let ratio = input.publishedRatio ?? Double(count) / Double(input.grid.shape.tokenCount)
        let perFrame = Int(Double(input.grid.shape.tokensPerFrame) * ratio)
        let merged = Int(Double(perFrame) * context)
        let anchors = anchorFrames(of: segment)
        let centres = merged * segment.count / anchors.count { $0 }
        let capacity = input.grid.shape.tokensPerFrame - (perFrame - merged)
        return anchors.map {
            Share(
                salient: perFrame - merged, centres: $0 ? min(centres, capacity) : 0,
                spansSegment: centres != merged)
        }
    }

    private func exactShares(of segment: Segment, _ budget: Int, _ cells: Int) -> [Share] {
        let merged = Int(Double(budget) * context)
        let equal = [Double](repeating: 1, count: segment.count)
        let salient = Apportionment.share(
            budget - merged, among: equal, capacities: Array(repeating: cells, count: segment.count))
        let anchors = anchorFrames(of: segment)
        let centres = Apportionment.share(
            merged, among: anchors.map { $0 ? 1 : 0 }, capacities: zip(anchors, salient).map { $0 ? cells - $1 : 0 })
        let left = budget - salient.reduce(0, +) - centres.reduce(0, +)
        let more = Apportionment.share(
            left, among: equal, capacities: zip(salient, centres).map { cells - $0 - $1 })
        return segment.frames.indices.map { place in
            let frame = place - segment.start
            return Share(salient: salient[frame] + more[frame], centres: centres[frame], spansSegment: step > 1)
        }
    }

    // MARK: One anchor frame's rows

    /// Clusters of the tokens `rests` of some frames around density peaks of one of them.
    private func clusters(
        around frame: Int, count: Int, _ joining: Range<Int>, _ rests: [[Int]], _ input: ReductionInput
    ) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let centres = input.grid.values.withGatheredRows(rests[frame], channels: input.channels) {
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: neighbours, asPublished: input.asPublished
            ).centres
        }.map { rests[frame][$0] }
        let place = Dictionary(uniqueKeysWithValues: centres.enumerated().map { ($1, $0) })
        var members = [[Int]](repeating: [], count: count)
        let cells = input.grid.shape.tokensPerFrame
        // Whole frames can be compared where they lie; leaving out their salient tokens would cost a copy.
        let tokens = joining.lowerBound * cells..<joining.upperBound * cells
        let nearest = BipartiteMatching(
            Bipartition(sources: Array(tokens), destinations: centres), of: input.tokens
        ).nearest
        // A centre is most similar to itself, and rounding or an equal token must not part them.
        for token in joining.flatMap({ rests[$0] }) {
            members[place[token] ?? nearest[token - tokens.lowerBound]].append(token)
        }
        return zip(centres, members).map { centre, members in
            let joined = Float(members.count)
            let weight = max(1 / (joined + 1), beta)
            return .init(
                anchor: centre, sources: members,
                weights: members.map { ($0 == centre ? weight : 0) + (1 - weight) / joined })
        }
    }
}
