internal import TokenCore

/// Token merging (ToMe): in each round the most alike of even and odd tokens become one.
///
/// Source: ToMe (Bolya et al., ICLR 2023, arXiv 2210.09461), section 3; schedule as in its code. Round l merges
///
///     r_l = r (1 - inflect) + 2 r inflect l / (L - 1),   l = 0 … L - 1
///
/// pairs of the sequence, at most half of what is left; tokens become the mean of their sources. AuroraCap (arXiv
/// 2410.03051) and TinyChart (arXiv 2404.16635) are this operator with r constant over the layers of their towers;
/// AuroraCap leaves the first frame whole. They merge between the layers of the tower, by keys; here all rounds follow
/// one another on the finished tokens.
///
/// Shapes: `[n, D]` of each sequence to its share of the count. The r_l sum up exactly, and what rounds of at most half
/// can't reach more rounds do. With `asPublished` r = int(n (1 - R) / L), and r_l is truncated. Tokens come out as the
/// original has them: without partner by falling similarity, then the destinations.
/// Cost: O(n^2 D) a round.
struct BipartiteMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "bipartite", kind: .merge, summary: "Merges the most alike of even and odd tokens, round after round.",
        source: "ToMe, arXiv 2210.09461",
        parameters: [
            MergeScope.parameter,
            .whole("rounds", 4, in: 1...64, "Rounds to spread the merging over, as layers of a tower would."),
            .real("inflect", 0, in: -1...1, "Above 0 later rounds merge more, below 0 earlier ones."),
            .flag("keep-first", false, "1 leaves the first frame whole where the budget allows (with scope frame)."),
        ], cost: "O(T N^2 D) within frames, O(T^2 N^2 D) over the clip")

    private let scope: MergeScope
    private let rounds: Int
    private let inflect: Double
    private let keepsFirst: Bool

    init(_ values: ParameterValues) {
        scope = values.choice("scope", as: MergeScope.self)
        rounds = values.whole("rounds")
        inflect = values.real("inflect")
        keepsFirst = values.flag("keep-first")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        var merging = SequenceMerging(scope, of: input, segments, count: count)
        let keepsFirst = keepsFirst && scope == .frame
        if keepsFirst { merging = merging.keepingFirst(count: count, always: input.asPublished) }
        let sources = input.grid.shape.tokenCount
        return try merging.plan(of: input) { sequence, target throws(TokenReelError) in
            let length = sequence.count
            if keepsFirst, target == length { return }
            if input.asPublished {
                let removed =
                    input.publishedRatio.map { Double(length) * (1 - $0) }
                    ?? Double(length * (sources - count)) / Double(sources)
                for merged in publishedSchedule(removing: removed) { try sequence.merge(merged) }
            } else {
                for merged in schedule(removing: length - target) { try sequence.merge(merged) }
                try sequence.reduce(to: target)
            }
        }
    }

    private func schedule(removing total: Int) -> [Int] {
        let steps = Double(max(rounds - 1, 1))
        let weights = (0..<rounds).map { 1 - inflect + 2 * inflect * Double($0) / steps }
        return Apportionment.share(
            total, among: rounds == 1 ? [1] : weights, capacities: weights.map { _ in total })
    }

    private func publishedSchedule(removing removed: Double) -> [Int] {
        let mean = Int(removed / Double(rounds))
        guard rounds > 1 else { return [mean] }
        let first = Int(Double(mean) * (1 - inflect))
        let step = Double(2 * (mean - first)) / Double(rounds - 1)
        return (0..<rounds).map { Int(Double(first) + step * Double($0)) }
    }
}

extension SequenceMerging {
    /// The same with the first sequence whole: always, or as far as one token remains for each of the others.
    fileprivate func keepingFirst(count: Int, always: Bool) -> SequenceMerging {
        let others = sequences.dropFirst().map(\.count)
        guard let length = sequences.first?.count, !others.isEmpty else { return self }
        let first = always ? length : max(targets[0], min(length, count - others.count))
        let shares = Apportionment.share(max(count - first, 0), among: others.map(Double.init), capacities: others)
        return SequenceMerging(sequences, targets: [first] + shares.map { max($0, 1) })
    }
}
