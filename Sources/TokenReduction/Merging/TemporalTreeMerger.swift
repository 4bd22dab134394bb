internal import TensorOps
internal import TokenCore

/// Keeps salient, diverse tokens and merges the rest along trees through time.
///
/// Source: FlashVID (Fan et al., ICLR 2026, arXiv 2602.08024). In every frame a greedy choice keeps tokens that are
/// far from one another, distances `1 - cos` weighted by saliency, by saliency times relevance (the mean of the
/// token's dot products with the mean tokens of the segment's frames) or not at all. Each other token links to its
/// most similar one of the frame before in the segment, wherever that lies, if their cosine is above tau; the trees
/// that form become the mean of their tokens, in the place of the root. DPC-KNN then joins the roots of a frame into
/// clusters, plain means of roots. No more links are made than leave the tokens that are
/// due, the strongest first.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Segments share a budget by length, and frames what is not kept as it is by
/// their roots. Anchors: the kept token, or the root at the cluster's centre. Cost: O(T N^2 D).
///
/// With `asPublished` each frame has ceil(1.25 N R) tokens, as the reference prunes again inside the LLM, the ceiling
/// of `alpha` of them kept, and ceil of its part of the clusters. As in the reference, kept tokens of a segment of
/// one frame then join clusters as well, where a centre that is also kept is emitted once here and twice there; and
/// with negative relevance a kept token may be chosen again in place of another.
struct TemporalTreeMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "temporal-trees", kind: .merge,
        summary: "Keeps salient tokens far from one another and merges the rest along trees through time.",
        source: "FlashVID, arXiv 2602.08024",
        parameters: [
            .real("alpha", 0.7, in: 0...1, "Share of the tokens that are kept as they are."),
            .real("tau", 0.8, in: -1...1, "Tokens link to the frame before if their cosine is above this."),
            .choice("weights", among: Weights.allCases.map(\.rawValue), "What weighs the distances of tokens to keep."),
            .whole("neighbours", 7, in: 1...1000, "Nearest neighbours that make up a token's density."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N^2 D)", overlaps: true)

    private enum Weights: String, CaseIterable {
        case saliency
        case saliencyAndRelevance = "saliency-relevance"
        case none
    }

    /// How much more than the ratio the reference leaves for the LLM to prune.
    private static let expansion = 1.25

    private let alpha: Double
    private let threshold: Float
    private let weights: Weights
    private let neighbours: Int

    init(_ values: ParameterValues) {
        alpha = values.real("alpha")
        threshold = Float(values.real("tau"))
        weights = values.choice("weights", as: Weights.self)
        neighbours = values.whole("neighbours")
    }

    var needs: Set<Signal> { weights == .none ? [] : [.saliency] }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        let budgets =
            input.asPublished
            ? segments.map { $0.count * publishedPerFrame(input, count) }
            : Apportionment.share(
                count, among: segments.map { Double($0.count) }, capacities: segments.map { $0.count * cells })
        let saliency = needs.isEmpty ? nil : input.saliency()
        let means = weights == .saliencyAndRelevance ? input.frameMeans() : nil
        let segmentOfFrame = segments.enumerated().flatMap { index, segment in segment.frames.map { _ in index } }
        let frames = Array(segmentOfFrame.indices)
        let kept = try Parallel.map(count: frames.count, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            let segment = segments[segmentOfFrame[frame]]
            let shares = self.keptShares(of: segment, budgets[segmentOfFrame[frame]], input)
            let worth = self.worth(of: frame, in: segment, saliency, means, input)
            return self.choose(shares[frame - segment.start], of: frame, worth, input)
        }
        let rests = zip(frames, kept).map { frame, kept -> [Int] in
            let isKept = Set(kept)
            return (frame * cells..<(frame + 1) * cells).filter { !isKept.contains($0) }
        }
        let links = try Parallel.map(count: frames.count, workers: input.workers) { frame throws(TokenReelError) in
            try input.checkCancellation()
            let isFirst = segments[segmentOfFrame[frame]].start == frame
            return isFirst ? [] : self.links(from: frame, keeping: Set(kept[frame]), Set(kept[frame - 1]), input)
        }
        let rows = try Parallel.map(count: segments.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            let segment = segments[index]
            let pool =
                input.asPublished && segment.count == 1
                ? segment.frames.map { Array($0 * cells..<($0 + 1) * cells) } : Array(rests[segment.frames])
            let due = budgets[index] - self.keptShares(of: segment, budgets[index], input).reduce(0, +)
            return self.merged(
                pool, links[segment.frames].flatMap { $0 }, segment, budget: budgets[index], due: due, input)
        }
        var isAnchor = Set(kept.flatMap { $0 })
        let merged = rows.flatMap { $0 }.filter { isAnchor.insert($0.anchor).inserted }
        return ReductionPlan(
            sourceCount: input.grid.shape.tokenCount,
            rows: kept.flatMap { $0.map { .init(keeping: $0) } } + merged
        ).inReadingOrder()
    }

    // MARK: How many tokens are kept

    private func publishedPerFrame(_ input: ReductionInput, _ count: Int) -> Int {
        let ratio = input.publishedRatio ?? Double(count) / Double(input.grid.shape.tokenCount)
        let cells = input.grid.shape.tokensPerFrame
        return min(Int((Double(cells) * ratio * Self.expansion).rounded(.up)), cells)
    }

    private func keptShares(of segment: Segment, _ budget: Int, _ input: ReductionInput) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        if input.asPublished {
            let perFrame = Double(budget / segment.count)
            return Array(repeating: Int((perFrame * alpha).rounded(.up)), count: segment.count)
        }
        return Apportionment.share(
            Int((Double(budget) * alpha).rounded()), among: Array(repeating: 1, count: segment.count),
            capacities: Array(repeating: cells, count: segment.count))
    }

    // MARK: Tokens that are kept as they are

    private func worth(
        of frame: Int, in segment: Segment, _ saliency: [Float]?, _ means: TensorBuffer<Float>?, _ input: ReductionInput
    ) -> [Float] {
        let cells = input.grid.shape.tokensPerFrame
        guard let saliency else { return Array(repeating: 1, count: cells) }
        let salience = Array(saliency[frame * cells..<(frame + 1) * cells])
        guard let means else { return salience }
        // The mean of dot products is the dot product with the mean.
        let event = means.withRows(segment.frames, channels: input.channels) { Rows.mean($0, channels: input.channels) }
        let relevance = event.withUnsafeBufferPointer { event in
            input.grid.values.withRows(frame * cells..<(frame + 1) * cells, channels: input.channels) {
                Matrix.products($0, rows: cells, event, rows: 1, channels: input.channels)
            }
        }
        return zip(salience, relevance).map { $0 * $1 }
    }

    private func choose(_ count: Int, of frame: Int, _ worth: [Float], _ input: ReductionInput) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        let first = frame * cells
        guard count > 0 else { return [] }
        var distances = input.grid.values.withRows(first..<first + cells, channels: input.channels) {
            Matrix.products($0, rows: cells, $0, rows: cells, channels: input.channels)
        }
        let scales = input.norms[first..<first + cells].map { $0 > 0 ? 1 / $0 : 0 }
        distances.withUnsafeMutableBufferPointer { distances in
            for row in 0..<cells {
                let line = row * cells
                for column in 0..<cells {
                    distances[line + column] = 1 - distances[line + column] * scales[row] * scales[column]
                }
                distances[line + row] = 0
            }
        }
        return MaxMinDiversity.choose(
            count, distances: distances, weights: worth, repeats: input.asPublished && weights == .saliencyAndRelevance
        ).map { first + $0 }.sorted()
    }

    // MARK: Trees through time

    /// Tokens that become one, the root first.
    private struct Tree {
        let tokens: [Int]
        /// How many tokens link to the root itself.
        let branches: Int

        /// The mean; the reference divides by the tokens of the first two generations only.
        func row(asPublished: Bool) -> ReductionPlan.Row {
            let weight = 1 / Float(asPublished ? branches + 1 : tokens.count)
            return .init(anchor: tokens[0], sources: tokens, weights: tokens.map { _ in weight })
        }
    }

    /// A token and the one of the frame before that it may join.
    private struct Link {
        let token: Int
        let parent: Int
        let cosine: Float
    }

    /// Links to the frame before; what is kept has none.
    private func links(
        from frame: Int, keeping kept: Set<Int>, _ keptBefore: Set<Int>, _ input: ReductionInput
    ) -> [Link] {
        let cells = input.grid.shape.tokensPerFrame
        let tokens = Array(frame * cells..<(frame + 1) * cells)
        let before = tokens.map { $0 - cells }.filter { !keptBefore.contains($0) }
        // Whole frames can be compared where they lie; leaving out what is kept would cost a copy.
        let matching = BipartiteMatching(Bipartition(sources: tokens, destinations: before), of: input.tokens)
        return zip(tokens, zip(matching.nearest, matching.similarity)).compactMap { token, match in
            guard match.1 > threshold, !kept.contains(token) else { return nil }
            return Link(token: token, parent: before[match.0], cosine: match.1)
        }
    }

    /// The clusters of a segment's trees.
    private func merged(
        _ pool: [[Int]], _ links: [Link], _ segment: Segment, budget: Int, due: Int, _ input: ReductionInput
    ) -> [ReductionPlan.Row] {
        guard due > 0 else { return [] }
        let cells = input.grid.shape.tokensPerFrame
        let first = segment.start * cells
        // The reference's threshold is strict, so that it makes one link less.
        let most = segment.count * cells - budget - (input.asPublished ? 1 : 0)
        let made = links.count <= segment.count * cells - budget ? links.count : max(most, 0)
        var sets = DisjointSets(count: segment.count * cells)
        var branches = [Int](repeating: 0, count: segment.count * cells)
        for link in Ranking.largest(made, of: links.map(\.cosine)) {
            sets.join(links[link].token - first, links[link].parent - first)
            branches[links[link].parent - first] += 1
        }
        // A tree's root is its earliest token; a token alone is its own root.
        let trees = Dictionary(
            uniqueKeysWithValues: sets.sets().map { members in
                let tokens = members.map { $0 + first }
                return (tokens[0], Tree(tokens: tokens, branches: branches[tokens[0] - first]))
            })
        let roots = pool.map { $0.filter { trees[$0] != nil } }
        let counts = clusterCounts(roots.map(\.count), due: due, input)
        return zip(roots, counts).flatMap { roots, count in
            clusters(of: roots.compactMap { trees[$0] }, count: count, input)
        }
    }

    private func clusterCounts(_ roots: [Int], due: Int, _ input: ReductionInput) -> [Int] {
        guard input.asPublished else {
            return Apportionment.share(due, among: roots.map(Double.init), capacities: roots)
        }
        let share = Double(due) / Double(max(roots.reduce(0, +), 1))
        return roots.map { share < 1 ? Int((Double($0) * share).rounded(.up)) : $0 }
    }

    private func clusters(of trees: [Tree], count: Int, _ input: ReductionInput) -> [ReductionPlan.Row] {
        guard count > 0 else { return [] }
        let rows = trees.map { $0.row(asPublished: input.asPublished) }
        guard count < rows.count else { return rows }
        let means = ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows)
        let clusters = means.applied(to: input.grid.values, channels: input.channels).withUnsafeBufferPointer {
            DensityPeaks(
                $0, channels: input.channels, count: count, neighbours: min(neighbours, count),
                asPublished: input.asPublished)
        }
        return zip(clusters.centres, clusters.members).map { centre, members in
            .init(
                anchor: rows[centre].anchor, sources: members.flatMap { rows[$0].sources },
                weights: members.flatMap { rows[$0].weights.map { $0 / Float(members.count) } })
        }
    }
}
