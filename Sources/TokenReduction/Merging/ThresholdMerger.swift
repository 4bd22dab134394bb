internal import TensorOps
internal import TokenCore

/// Dynamic token merging (DyMU): every frame merges as many pairs as are alike enough, so plain frames keep fewer
/// tokens.
///
/// Source: DyMU (Wang et al., arXiv 2504.17040), section 3.1. In each round a frame merges its pairs of even and odd
/// tokens whose similarity is above a threshold, at most half. The thresholds are calibrated: over a batch of frames
/// the best similarities are pooled, and the threshold of a round lies where the wanted number of them is above it.
/// The reference calibrates over pictures of a training set; here the frames of the clip are the batch, so that the
/// total comes out as asked. A threshold that is set is a floor under the calibrated one in its round.
///
/// Shapes: `[T, N, D]` to exactly `count` rows, as long as every frame keeps one; rounds beyond those asked for have no
/// floor. With `asPublished` and thresholds that are not 0 these alone decide, whatever the budget. The map of codes to
/// un-merge by ("virtual unmerging") is the plan's own. Cost: O(N^2 D) for each frame and round.
struct ThresholdMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "bipartite-threshold", kind: .merge,
        summary: "Merges what is alike enough within each frame, with a threshold found from the budget of all frames.",
        source: "DyMU, arXiv 2504.17040, section 3.1",
        parameters: [
            .whole("rounds", 2, in: 1...64, "Rounds to spread the merging over, as layers of a tower would."),
            .real("threshold", 0, in: 0...1, "Cosine below which the first round never merges."),
            .real("last-threshold", 0, in: 0...1, "The same for the last round; those between lie in between."),
        ], cost: "O(T N^2 D)")

    private let thresholds: [Float]

    init(_ values: ParameterValues) {
        let rounds = values.whole("rounds")
        let (first, last) = (values.real("threshold"), values.real("last-threshold"))
        thresholds = (0..<rounds).map {
            Float(first + (last - first) * Double($0) / Double(max(rounds - 1, 1)))
        }
    }

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let ranges = MergeScope.frame.sequences(of: input, segments)
        var frames = ranges.map { MergeSequence($0, of: input) }
        let followsThresholds = input.asPublished && thresholds.contains { $0 > 0 }
        for (round, threshold) in thresholds.enumerated() {
            let surplus = frames.reduce(-count) { $0 + $1.count }
            let left = thresholds.count - round
            let limit = followsThresholds ? Int.max : (max(surplus, 0) + left - 1) / left
            frames = try Self.merge(frames, above: threshold, limit: limit, input)
        }
        while !followsThresholds, frames.contains(where: { $0.count > 1 }) {
            let surplus = frames.reduce(-count) { $0 + $1.count }
            guard surplus > 0 else { break }
            frames = try Self.merge(frames, above: -.infinity, limit: surplus, input)
        }
        return ReductionPlan(concatenating: frames.map(\.plan), sourceCount: input.grid.shape.tokenCount)
    }

    /// One round: of all frames' pairs the most alike, at most `limit`.
    private static func merge(
        _ frames: [MergeSequence], above threshold: Float, limit: Int, _ input: ReductionInput
    ) throws(TokenReelError) -> [MergeSequence] {
        try input.checkCancellation()
        let matched = frames.mapParallel(workers: input.workers) { frame in
            let matching = frame.alternatingMatching()
            return (frame: frame, matching: matching, ranking: matching.ranking)
        }
        // Pairs of a frame stand by falling similarity, so that those chosen are always its first.
        let pairs = matched.enumerated().flatMap { index, frame in
            frame.ranking.prefix(frame.frame.count / 2).map {
                (frame: index, similarity: frame.matching.similarity[$0])
            }
        }.filter { $0.similarity > threshold }
        var counts = [Int](repeating: 0, count: frames.count)
        for pair in Ranking.largest(min(limit, pairs.count), of: pairs.map(\.similarity)) {
            counts[pairs[pair].frame] += 1
        }
        return Array(zip(matched, counts)).mapParallel(workers: input.workers) { matched, count in
            var frame = matched.frame
            frame.apply(matched.matching, ranking: matched.ranking, merging: count)
            return frame
        }
    }
}
