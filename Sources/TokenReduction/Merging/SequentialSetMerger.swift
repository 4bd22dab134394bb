internal import TensorOps
internal import TokenCore

/// Joins what stays alike along time at one place, weighted towards its most typical token.
///
/// Source: KVMerger (Wang et al., arXiv 2407.08454), which merges keys of a language model's cache; here the sequence
/// is one cell over time, so a set is a stretch of frames in which a patch stands still. Neighbours in the sequence
/// whose cosine is above `epsilon` share a merge set. With `p` the pivot of a set,
///
///     g_i = exp(-|x_p - x_i|^2 / (2 sigma^2))        token = sum of g_i x_i / sum of g_i
///
/// The pivot is the member with the largest sum of cosines to the set, or with `pivot=salient` the one that receives
/// the most attention, as in the paper. The paper sets sigma from the set; as its unit is not given, sigma here is the
/// mean of |x_p - x_i| over i != p, divided by sqrt(2), which does not depend on the scale of the tokens. The paper
/// excludes recent keys and those of high attention; a video has no recent frames to protect.
///
/// To meet a count links are followed best first, see ``TokenLinks``. Shapes: `[T, N, D]` to `count` rows, but never
/// fewer than N. Anchors: the pivots. Cost: O(T N D).
///
/// With `asPublished` every link above epsilon is followed and no other.
struct SequentialSetMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "sequential-sets", kind: .merge,
        summary: "Joins each cell's stretches of similar frames with Gaussian weights around a pivot.",
        source: "KVMerger, arXiv 2407.08454",
        parameters: [
            .real("epsilon", 0.75, in: -1...1, "Neighbours in time with a cosine above this are joined first."),
            .choice("pivot", among: ["central", "salient"], "The most typical token of a set, or the most attended."),
        ],
        cost: "O(T N D)")

    var needs: Set<Signal> { pivot == .salient ? [.saliency] : [] }

    private enum Pivot: CaseIterable { case central, salient }

    private let threshold: Float
    private let pivot: Pivot

    init(_ values: ParameterValues) {
        threshold = Float(values.real("epsilon"))
        pivot = values.choice("pivot", as: Pivot.self)
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        var links = TokenLinks()
        for (token, similarity) in input.temporalSimilarity.values.enumerated() {
            links.append(from: token, to: token + cells, similarity: similarity)
        }
        let sets = try links.sets(of: input, above: threshold, count: count)
        let saliency = pivot == .salient ? input.saliency() : nil
        let rows = try Parallel.map(count: sets.count, workers: input.workers) { index throws(TokenReelError) in
            if index.isMultiple(of: 1024) { try input.checkCancellation() }
            return row(of: sets[index], saliency, input)
        }
        return ReductionPlan(sourceCount: input.grid.shape.tokenCount, rows: rows).inReadingOrder()
    }

    private func row(of set: [Int], _ saliency: [Float]?, _ input: ReductionInput) -> ReductionPlan.Row {
        guard set.count > 1 else { return .init(keeping: set[0]) }
        let importance = saliency.map { saliency in set.map { saliency[$0] } } ?? centrality(of: set, input)
        let pivot = set[Ranking.largest(1, of: importance).first ?? 0]
        // Differences rather than norms and products: in a set that stands still those would cancel.
        let differences = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount,
            rows: set.map { token in
                token == pivot
                    ? .init(anchor: pivot, sources: [pivot], weights: [0])
                    : .init(anchor: token, sources: [token, pivot], weights: [1, -1])
            }
        ).applied(to: input.grid.values, channels: input.channels)
        let distances = differences.withUnsafeBufferPointer { Rows.norms($0, channels: input.channels) }
        let sigma = distances.reduce(0, +) / Float(set.count - 1) / Float(2).squareRoot()
        guard sigma > 0 else { return .init(anchor: pivot, averaging: set) }
        let mass = distances.map { Elementary.exp(-($0 / sigma) * ($0 / sigma) / 2) }
        let total = mass.reduce(0, +)
        return .init(anchor: pivot, sources: set, weights: mass.map { $0 / total })
    }

    /// For each member the sum of its cosines to the set.
    private func centrality(of set: [Int], _ input: ReductionInput) -> [Float] {
        // Of two tokens each is as typical as the other, whatever rounding makes of it.
        if set.count == 2 { return [1, 1] }
        let inverse = set.map { input.norms[$0] > 0 ? 1 / input.norms[$0] : 0 }
        let sum = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount, rows: [.init(anchor: set[0], sources: set, weights: inverse)]
        ).applied(to: input.grid.values, channels: input.channels)
        return sum.withUnsafeBufferPointer { sum in
            zip(set, inverse).map { token, inverse in
                input.grid.values.withRows(token..<token + 1, channels: input.channels) { inverse * Rows.dot($0, sum) }
            }
        }
    }
}
