internal import TokenCore

/// Bipartite merging in as few rounds as reach the count: every round halves, the last merges what is left to merge.
///
/// Sources: LongVLM (Weng et al., ECCV 2024, arXiv 2404.03384), section 3.2, merges the tokens of a segment from 2,560
/// over 1,280, 640 … 40 to 30; it compares the mean of 16 parts of each token. AIM (Zhong et al., ICCV 2025, arXiv
/// 2412.03248), section 3.2, merges the N tokens of a frame by N/2, N/4 … pairs, where a merged token counts once in
/// the next average, however many it stands for.
///
/// Shapes: `[n, D]` of each sequence to exactly its share of the count. With `asPublished` and `fractions` the number
/// of rounds is the one whose N/2 + N/4 + … comes nearest to the ratio. LongVLM's global tokens are class tokens of
/// five layers of its tower, which a grid doesn't hold; they are left out. Cost: O(n^2 D / 3) for all rounds.
struct HalvingMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "bipartite-halving", kind: .merge,
        summary: "Halves the tokens by merging the most alike of even and odd ones, until the count is reached.",
        source: "LongVLM, arXiv 2404.03384; AIM, arXiv 2412.03248",
        parameters: [
            MergeScope.parameter,
            .choice(
                "weighting", among: ["size", "plain"],
                "Whether a merged token counts in an average by its sources or once."),
            .whole("groups", 1, in: 1...64, "Parts of a token whose mean is compared; 1 compares whole tokens."),
            .flag(
                "fractions", false, "1 merges N/2, N/4, N/8 … of the first N tokens instead of half of what is left."),
        ], cost: "O(T N^2 D) within frames, O(T^2 N^2 D / S) within S segments")

    private let scope: MergeScope
    private let rule: MergeRule
    private let isByFractions: Bool

    init(_ values: ParameterValues) {
        scope = values.choice("scope", as: MergeScope.self)
        rule = MergeRule(
            weighting: values.choice("weighting", as: MergeRule.Weighting.self), groups: values.whole("groups"))
        isByFractions = values.flag("fractions")
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let merging = SequenceMerging(scope, of: input, segments, count: count)
        return try merging.plan(of: input) { sequence, target throws(TokenReelError) in
            if isByFractions {
                let length = sequence.count
                let rounds = Self.rounds(from: length, to: target)
                for round in 1...max(rounds, 1) where rounds > 0 {
                    let merged = length >> round
                    try sequence.merge(input.asPublished ? merged : min(merged, sequence.count - target), rule)
                }
            }
            if !isByFractions || !input.asPublished { try sequence.reduce(to: target, rule) }
        }
    }

    /// How many halvings bring `length` nearest to `target`.
    private static func rounds(from length: Int, to target: Int) -> Int {
        var rounds = 0
        // Half way between two powers of two in their logarithm: compared as squares to stay exact.
        while length * length > 2 * (target << rounds) * (target << rounds) { rounds += 1 }
        return rounds
    }
}
