internal import TensorOps
internal import TokenCore

/// Progressive temporal merging (TempMe): neighbouring clips are joined and merged, stage after stage, so that time is
/// folded from short to long.
///
/// Source: TempMe (Shen et al., ICLR 2025, arXiv 2409.01156), section 3.3. Every frame is a clip at first. Each stage
/// puts the tokens of some neighbouring clips in one sequence, merges 30 % of them across the clips, then 10 % of what
/// is left within the new clip; both are ToMe's bipartite matching, with the tokens that found no partner left in
/// order. The reference does so between layers of a tower it has tuned, by keys; here it is the finished tokens,
/// without class tokens or learnt positions of clips.
///
/// Shapes: `[T, N, D]` to exactly `count` rows: each step removes its part of the surplus, in the proportions of the
/// two ratios. With `asPublished` the ratios alone decide. A last clip may be shorter than the others.
/// Cost: O(T N^2 D c) with c frames in the longest clip.
struct ClipJoiningMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "clip-joining", kind: .merge,
        summary: "Joins neighbouring clips stage by stage, merging across and then within them.",
        source: "TempMe, arXiv 2409.01156, section 3.3",
        parameters: [
            .whole("join-1", 2, in: 1...64, "Clips that the first stage joins; 1 leaves the stage out."),
            .whole("join-2", 2, in: 1...64, "Clips that the second stage joins; 1 leaves the stage out."),
            .whole("join-3", 3, in: 1...64, "Clips that the third stage joins; 1 leaves the stage out."),
            .real("cross", 0.3, in: 0...0.5, "Share of the tokens merged across the clips that were joined."),
            .real("intra", 0.1, in: 0...0.5, "Share of the remaining tokens merged within the new clip."),
        ], cost: "O(T N^2 D) times the frames of the longest clip")

    private let joins: [Int]
    private let ratios: [Double]

    init(_ values: ParameterValues) {
        let joins = ["join-1", "join-2", "join-3"].map { values.whole($0) }.filter { $0 > 1 }
        // Without any joining the frames still merge, once.
        self.joins = joins.isEmpty ? [1] : joins
        ratios = [values.real("cross"), values.real("intra")]
    }

    private static let rule = MergeRule(keepsOrder: true)

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        var clips = MergeScope.frame.sequences(of: input, segments).map { MergeSequence($0, of: input) }
        var steps = shares(removing: input.grid.shape.tokenCount - count)[...]
        for join in joins {
            clips = Rows.blocks(of: clips.count, size: join).map { block in
                MergeSequence(
                    ReductionPlan(
                        concatenating: clips[block].map(\.plan), sourceCount: input.grid.shape.tokenCount),
                    of: input)
            }
            for ratio in ratios {
                let lengths = clips.map(\.count)
                let total = lengths.reduce(0, +) - (steps.popFirst() ?? 0)
                let targets =
                    input.asPublished
                    ? lengths.map { $0 - Int(ratio * Double($0)) }
                    : Apportionment.share(total, among: lengths.map(Double.init), capacities: lengths)
                let merged = clips
                clips = try Parallel.map(count: clips.count, workers: input.workers) {
                    index throws(TokenReelError) -> MergeSequence in
                    var clip = merged[index]
                    try clip.reduce(to: targets[index], Self.rule)
                    return clip
                }
            }
        }
        return ReductionPlan(concatenating: clips.map(\.plan), sourceCount: input.grid.shape.tokenCount)
    }

    /// How many tokens each step removes, in the proportions in which the ratios would.
    private func shares(removing total: Int) -> [Int] {
        var left = 1.0
        var removed: [Double] = []
        for ratio in joins.flatMap({ _ in ratios }) {
            removed.append(left * ratio)
            left *= 1 - ratio
        }
        return Apportionment.share(total, among: removed, capacities: removed.map { _ in total })
    }
}
