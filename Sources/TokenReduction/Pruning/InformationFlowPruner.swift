internal import TensorOps
internal import TokenCore

/// Pruning along the layers of a vision tower by how much information flows through each token.
///
/// Source: FlowCut (NeurIPS 2025, arXiv 2505.19536). Layer by layer, over the tokens of a frame that are left, with c
/// the attention of the class token, s the semantic attention and V the value norm:
///
///     score_j = (c_j / sum c + s_j / sum s) V_j
///     C = score in the first layer, then (C + score) / 2
///
/// In every second layer, counted from the last, the tokens of lowest C go. With n tokens left of which k are to stay,
/// and r layers to come, a frame loses
///
///     round((n - k) / sqrt(r) (1 - h^2)),   h = entropy(c / sum c) / ln n
///
/// tokens: many where the attention is concentrated. The last layer cuts to k.
///
/// Shapes: maps `[L, T, N]` to `[count, D]`, in raster order; every frame keeps the same number. Cost: O(L T N log N).
///
/// Without semantic attention the first term stands alone, as the authors do for towers without a class token.
/// Attention of zero adds no entropy; the reference takes its logarithm.
struct InformationFlowPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "information-flow", kind: .prune,
        summary: "Drops tokens layer by layer by class attention, semantic attention and the strength of their values.",
        source: "FlowCut, arXiv 2505.19536",
        parameters: [
            .flag("coupled", true, "1 lets every frame lose as many tokens in a layer as the one that loses most.")
        ],
        needs: [.classAttention, .semanticAttention, .valueNorms],
        substitutes: [
            .classAttention: "the cosine to the mean token of the frame",
            .semanticAttention: "the class attention alone",
            .valueNorms: "the length of the tokens",
        ], cost: "O(L T N log N)")

    private let isCoupled: Bool

    init(_ values: ParameterValues) { isCoupled = values.flag("coupled") }

    /// What one layer tells about every candidate.
    private struct Layer {
        let attention: [Float]
        let semantics: [Float]?
        let strength: [Float]
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        let frames = CandidateFrames(candidates, of: input)
        let layers = try layers(of: candidates, frames, input)
        let wanted = frames.equalShares(of: count)
        var flows = frames.members.map { Flow(tokens: $0) }
        for (index, layer) in layers.enumerated() {
            let remaining = layers.count - 1 - index
            for frame in flows.indices where flows[frame].tokens.count > wanted[frame] {
                flows[frame].pass(layer)
            }
            guard remaining.isMultiple(of: 2) else { continue }
            let losses = zip(flows, wanted).map { $0.loss(layer, to: $1, remaining: remaining) }
            let most = losses.max() ?? 0
            for frame in flows.indices {
                flows[frame].lose(isCoupled ? most : losses[frame], to: wanted[frame])
            }
        }
        return flows.flatMap(\.tokens).sorted()
    }

    /// The tokens of one frame on their way through the tower.
    private struct Flow {
        /// Those that are left, ascending.
        private(set) var tokens: [Int]
        /// What has flowed through each of them.
        private var scores: [Float]?

        init(tokens: [Int]) { self.tokens = tokens }

        mutating func pass(_ layer: Layer) {
            let attention = shares(of: layer.attention)
            let semantics = layer.semantics.map { shares(of: $0) }
            let fresh = tokens.indices.map { place in
                (attention[place] + (semantics?[place] ?? 0)) * layer.strength[tokens[place]]
            }
            scores = scores.map { zip($0, fresh).map { 0.5 * $0 + 0.5 * $1 } } ?? fresh
        }

        /// How many tokens the layer would take away.
        func loss(_ layer: Layer, to wanted: Int, remaining: Int) -> Int {
            let surplus = tokens.count - wanted
            guard surplus > 0, remaining > 0, tokens.count > 1 else { return max(surplus, 0) }
            let entropy = shares(of: layer.attention).reduce(Float(0)) {
                $1 > 0 ? $0 - $1 * Elementary.log($1) : $0
            }
            let evenness = entropy / Elementary.log(Float(tokens.count))
            let loss = Float(surplus) / Float(remaining).squareRoot() * (1 - evenness * evenness)
            return Int(max(0, loss).rounded(.toNearestOrEven))
        }

        mutating func lose(_ loss: Int, to wanted: Int) {
            guard tokens.count > wanted, let scores else { return }
            let kept = Ranking.largest(max(tokens.count - loss, wanted), of: scores).sorted()
            tokens = kept.map { tokens[$0] }
            self.scores = kept.map { scores[$0] }
        }

        /// The tokens' parts of the sum over all that are left.
        private func shares(of values: [Float]) -> [Float] {
            let sum = tokens.reduce(Float(0)) { $0 + values[$1] }
            return tokens.map { sum > 0 ? values[$0] / sum : 0 }
        }
    }

    // MARK: Signals

    private func layers(
        of candidates: CandidateTokens, _ frames: CandidateFrames, _ input: ReductionInput
    ) throws(TokenReelError) -> [Layer] {
        let attention =
            maps(.classAttention, candidates, input)
            ?? [Self.likeness(in: frames, count: candidates.plan.count, input.workers)]
        let semantics = maps(.semanticAttention, candidates, input)
        let strength =
            maps(.valueNorms, candidates, input) ?? Array(repeating: frames.norms, count: attention.count)
        for (name, count) in [("semantic attention", semantics?.count), ("value norms", strength.count)] {
            guard let count, count != attention.count else { continue }
            throw TokenReelError(
                .invalidArgument, subject: "token grid", found: "\(count) layers of \(name)",
                allowed: "\(attention.count), as of class attention")
        }
        return attention.indices.map {
            Layer(attention: attention[$0], semantics: semantics?[$0], strength: strength[$0])
        }
    }

    private func maps(_ signal: Signal, _ candidates: CandidateTokens, _ input: ReductionInput) -> [[Float]]? {
        input.layers(of: signal)?.map { candidates.plan.applied(to: $0) }
    }

    /// How alike each token is to the mean of its frame, at least 0.
    private static func likeness(in frames: CandidateFrames, count: Int, _ workers: Int) -> [Float] {
        let cosines = frames.members.mapParallel(workers: workers) { tokens -> [Float] in
            let sum = frames.sum(of: tokens)
            let length = sum.withUnsafeBufferPointer { Rows.dot($0, $0) }.squareRoot()
            return zip(tokens, frames.dots(of: tokens, with: sum)).map { token, dot in
                let scale = length * frames.norms[token]
                return scale > 0 ? max(0, dot / scale) : 0
            }
        }
        var likeness = [Float](repeating: 0, count: count)
        for (tokens, cosines) in zip(frames.members, cosines) {
            for (token, cosine) in zip(tokens, cosines) { likeness[token] = cosine }
        }
        return likeness
    }
}
