internal import TokenCore

/// Keeps the most salient tokens of every frame, but not the sinks that only draw attention.
///
/// Source: ``MassiveActivations`` finds the sinks. They rank behind all other tokens, except that the longest one of a
/// frame may stay as its register: a model trained with sinks looks for one.
///
/// Shapes: `[T, N, D]` and saliency `[T, N]` to `[count, D]`, in raster order; every frame keeps the same number.
/// Cost: O(T N log N).
struct SinkAwarePruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "sink-aware", kind: .prune,
        summary: "Keeps the most salient tokens, without those whose huge activations only draw attention.",
        source: "Attention sinks and massive activations, arXiv 2510.22603; the rule is ours",
        parameters: [
            .real("length-ratio", 4, in: 1...1000, "A sink is longer than the median token by more than this factor."),
            .real("peak-ratio", 20, in: 1...10000, "Its largest channel exceeds its median channel by more than this."),
            .flag("register", true, "1 keeps the longest sink of every frame."),
        ],
        needs: [.saliency], substitutes: [.saliency: "spatial distinctiveness"], cost: "O(T N log N)")

    private let detector: MassiveActivations
    private let keepsRegister: Bool

    init(_ values: ParameterValues) {
        detector = MassiveActivations(
            lengthRatio: Float(values.real("length-ratio")), peakRatio: Float(values.real("peak-ratio")))
        keepsRegister = values.flag("register")
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        var scores = candidates.plan.applied(to: input.saliency())
        let frames = CandidateFrames(candidates, of: input)
        for tokens in frames.members {
            let sinks = detector.sinks(
                among: tokens, of: candidates.values, norms: frames.norms, channels: input.channels)
            for sink in sinks { scores[sink] = -.infinity }
            if keepsRegister, let longest = Ranking.largest(1, of: sinks.map { frames.norms[$0] }).first {
                scores[sinks[longest]] = .infinity
            }
        }
        return frames.best(frames.equalShares(of: count), by: scores)
    }
}
