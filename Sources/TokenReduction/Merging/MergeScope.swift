internal import TensorOps
internal import TokenCore

/// Which tokens may merge with one another.
enum MergeScope: CaseIterable, Sendable {
    case frame, segment, clip

    static let parameter = Parameter.choice(
        "scope", among: ["frame", "segment", "clip"], "Which tokens may merge: of one frame, one segment or all.")

    /// Ranges of source tokens that merge among themselves.
    func sequences(of input: ReductionInput, _ segments: [Segment]) -> [Range<Int>] {
        let cells = input.grid.shape.tokensPerFrame
        let frames: [Range<Int>] =
            switch self {
            case .frame: (0..<input.grid.shape.frames).map { $0..<$0 + 1 }
            case .segment: segments.map(\.frames)
            case .clip: [0..<input.grid.shape.frames]
            }
        return frames.map { $0.lowerBound * cells..<$0.upperBound * cells }
    }
}

/// Sequences that are merged independently of each other, each to a count of its own.
struct SequenceMerging {
    /// Ranges of source tokens.
    let sequences: [Range<Int>]
    /// About how many tokens each keeps, in proportion to its length; at least one.
    let targets: [Int]

    init(_ scope: MergeScope, of input: ReductionInput, _ segments: [Segment], count: Int) {
        sequences = scope.sequences(of: input, segments)
        let lengths = sequences.map(\.count)
        targets = Apportionment.share(count, among: lengths.map(Double.init), capacities: lengths).map { max($0, 1) }
    }

    init(_ sequences: [Range<Int>], targets: [Int]) {
        self.sequences = sequences
        self.targets = targets
    }

    /// Threads for each sequence: they go to sequences first, and within one only as far as there are more.
    func workersWithin(_ input: ReductionInput) -> Int { max(1, input.workers / max(sequences.count, 1)) }

    /// The plan that results when `merge` brings every sequence near its target.
    func plan(
        of input: ReductionInput,
        merge: @Sendable (_ sequence: inout MergeSequence, _ target: Int) throws(TokenReelError) -> Void
    ) throws(TokenReelError) -> ReductionPlan {
        let workers = workersWithin(input)
        let plans = try Parallel.map(count: sequences.count, workers: input.workers) {
            index throws(TokenReelError) -> ReductionPlan in
            try input.checkCancellation()
            var sequence = MergeSequence(sequences[index], of: input, workers: workers)
            try merge(&sequence, targets[index])
            return sequence.plan
        }
        return ReductionPlan(concatenating: plans, sourceCount: input.grid.shape.tokenCount)
    }
}
