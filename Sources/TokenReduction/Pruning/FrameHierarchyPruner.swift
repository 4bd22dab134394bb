internal import TensorOps
internal import TokenCore

/// Temporal pruning against whole frames: some frames stay whole, the others keep what those don't show.
///
/// Source: DyCoke (Tao et al., CVPR 2025, arXiv 2411.15024), "temporal token merging", which drops tokens
/// and averages none. Of every four frames the first stays whole. Frames 1 and 3 are compared cell by cell with frames
/// 0 and 2, and frame 2 with frame 0: frame t with the frame `t & (t - 1)`. The tokens least alike stay.
///
/// Under a budget the frames that are not whole share equally what the whole ones leave. Whole frames take at most the
/// part of it that they have at the given rate, 1 / (1 + 3 (1 - rate)): while there are more of them, every second one
/// is compared too, in the same pattern, and if not even the first frame fits, none stays whole. So budgets below the
/// quarter that the published pattern ends at work, too.
///
/// With `asPublished` the rate alone decides the count: a frame that is not whole keeps floor((1 - rate) N) tokens, in
/// order of ascending similarity. The reference drops an odd last frame and leaves frame 2 of the last four whole;
/// clips of up to four frames it refuses, and here none of their frames is dropped.
///
/// Shapes: `[T, N, D]` to `[count, D]`. Cost: O(T N D).
struct FrameHierarchyPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "frame-hierarchy", kind: .prune,
        summary: "Keeps every fourth frame whole, and of the others what is least like the frames before.",
        source: "DyCoke, arXiv 2411.15024",
        parameters: [
            .real(
                "rate", 0.7, in: 0...1, "Share of a frame that is dropped; under a budget it limits the whole frames.")
        ],
        cost: "O(T N D)")

    private let rate: Double

    init(_ values: ParameterValues) { rate = values.real("rate") }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        try input.checkCancellation()
        return input.asPublished ? published(input) : budgeted(input, count)
    }

    private func budgeted(_ input: ReductionInput, _ count: Int) -> [Int] {
        let frames = input.grid.shape.frames
        let cells = input.grid.shape.tokensPerFrame
        let whole = (Double(count) / (1 + 3 * (1 - rate)) / Double(cells)).rounded()
        let mostWhole = min(Int(whole), count / cells)
        var stride = 4
        while stride < frames, (frames + stride - 1) / stride > mostWhole { stride *= 2 }
        let isWhole = (0..<frames).map { mostWhole > 0 && $0.isMultiple(of: stride) }
        let shares = Apportionment.share(
            count - isWhole.count { $0 } * cells, among: isWhole.map { $0 ? 0 : 1 },
            capacities: isWhole.map { $0 ? 0 : cells })
        return Array(0..<frames).mapParallel(workers: input.workers) { frame -> [Int] in
            isWhole[frame]
                ? Array(frame * cells..<(frame + 1) * cells)
                : leastAlike(shares[frame], of: frame, to: Self.reference(of: frame, frames), input).sorted()
        }.flatMap { $0 }
    }

    private func published(_ input: ReductionInput) -> [Int] {
        let frames = input.grid.shape.frames
        let cells = input.grid.shape.tokensPerFrame
        let kept = Int((1 - rate) * Double(cells))
        let last = frames > 4 ? frames & ~1 : frames
        return Array(0..<last).mapParallel(workers: input.workers) { frame -> [Int] in
            let isReduced = frame % 2 == 1 || (frame % 4 == 2 && frame - 2 < frames - 4)
            return isReduced
                ? leastAlike(kept, of: frame, to: Self.reference(of: frame, frames), input)
                : Array(frame * cells..<(frame + 1) * cells)
        }.flatMap { $0 }
    }

    /// The frame that `frame` is compared with; the first one has only the next.
    private static func reference(of frame: Int, _ frames: Int) -> Int {
        frame == 0 ? min(1, frames - 1) : frame & (frame - 1)
    }

    private func leastAlike(_ count: Int, of frame: Int, to other: Int, _ input: ReductionInput) -> [Int] {
        let cells = input.grid.shape.tokensPerFrame
        let similarity = input.temporalSimilarity.values
        // Neighbouring frames have been compared already.
        let cosines =
            frame == other + 1
            ? Array(similarity[other * cells..<frame * cells]) : input.cellCosines(frame, other)
        return Ranking.smallest(count, of: cosines).map { frame * cells + $0 }
    }
}
