internal import TensorOps
internal import TokenCore

/// Query-guided pruning that gives frames their due by how much they and the words of the question gain from each
/// other.
///
/// Source: HBI (Jin et al., CVPR 2023, arXiv 2303.14369): the Banzhaf interaction of words and frames. The words are
/// the query's vectors, more than 16 of them clustered by DPC-KNN; the frames are their mean token, or mean patch
/// embedding, whichever the query can be compared with, of runs of equal length if there are more than 64 of them.
/// Where relevance was measured elsewhere the question is one word. A frame scores the sum of its interactions, or
/// the largest.
///
/// HBI trains with these scores and prunes nothing; sharing a budget by them is ours. With scores moved to 0...1 a
/// frame weighs its score plus `spread`, shares are exact, and within a frame the most relevant candidates stay. With
/// `asPublished` all candidates stay.
///
/// Shapes: candidates `[C, D]` and query `[M, D]` to `count` indices.
/// Cost: O(T N D + C M D), and O(samples * (words * frames)^2) for the game.
struct BanzhafPruner: TokenPruner {
    static let descriptor = StageDescriptor(
        name: "banzhaf", kind: .prune,
        summary: "Shares the budget among frames by their Banzhaf interaction with the words of the question.",
        source: "HBI, arXiv 2303.14369",
        parameters: [
            .choice("frame-score", among: Score.allCases.map(\.rawValue), "What a frame scores of its interactions."),
            .real("spread", 0.1, in: 0.001...100, "Weight of the frame of lowest score; the highest has 1 more."),
            .whole("samples", 100, in: 1...10_000, "Coalitions that stand for all."),
            .whole("seed", 0, in: 0...1_000_000, "Start of the random numbers that coalitions are drawn with."),
        ],
        needs: [.query], cost: "O(C M D + S M^2 T^2) for C candidates, M query vectors, S samples")

    private enum Score: String, CaseIterable {
        case sum, largest
    }

    private let score: Score
    private let spread: Double
    private let samples: Int
    private let seed: UInt64

    init(_ values: ParameterValues) {
        score = values.choice("frame-score", as: Score.self)
        spread = values.real("spread")
        samples = values.whole("samples")
        seed = UInt64(values.whole("seed"))
    }

    func selection(
        from candidates: CandidateTokens, of input: ReductionInput, count: Int
    ) throws(TokenReelError) -> [Int] {
        guard !input.asPublished, let relevance = input.relevance(of: candidates.plan, values: candidates.values) else {
            return Array(0..<candidates.plan.count)
        }
        let cells = input.grid.shape.tokensPerFrame
        var members = [[Int]](repeating: [], count: input.grid.shape.frames)
        for (candidate, anchor) in candidates.plan.anchors.enumerated() {
            members[Int(anchor) / cells].append(candidate)
        }
        let scores = frameScores(of: input)
        let lowest = scores.min() ?? 0
        let range = (scores.max() ?? 0) - lowest
        let weights = scores.map { (range > 0 ? Double(($0 - lowest) / range) : 0) + spread }
        let shares = Apportionment.share(count, among: weights, capacities: members.map(\.count))
        return zip(members, shares).flatMap { tokens, share in
            Ranking.largest(share, of: tokens.map { relevance[$0] }).map { tokens[$0] }
        }.sorted()
    }

    /// One score a frame; frames of a run have the same.
    private func frameScores(of input: ReductionInput) -> [Float] {
        let frames = input.grid.shape.frames
        let runs = Rows.blocks(
            of: frames, size: (frames + BanzhafInteraction.mostFrames - 1) / BanzhafInteraction.mostFrames)
        let (similarity, words) = similarity(of: runs, input)
        let interaction = BanzhafInteraction(
            similarity, words: words, frames: runs.count, samples: samples, seed: seed, workers: input.workers)
        return runs.enumerated().flatMap { run, frames -> [Float] in
            let values = (0..<words).map { interaction.values[$0 * runs.count + run] }
            let score = self.score == .sum ? values.reduce(0, +) : values.reduce(-Float.infinity) { max($0, $1) }
            return frames.map { _ in score }
        }
    }

    /// `[words, runs]` cosines, and how many words there are.
    private func similarity(of runs: [Range<Int>], _ input: ReductionInput) -> (values: [Float], words: Int) {
        let cells = input.grid.shape.tokensPerFrame
        guard let query = input.query else {
            let relevance = input.relevance ?? []
            return (
                runs.map { run in
                    relevance[run.lowerBound * cells..<run.upperBound * cells].reduce(0, +) / Float(run.count * cells)
                }, 1
            )
        }
        let isShared = query.channels == input.grid.patchEmbeddingChannels
        let tokens = isShared ? input.grid.patchEmbeddings ?? input.grid.values : input.grid.values
        let means = runs.mapParallel(workers: input.workers) { run in
            tokens.withRows(run.lowerBound * cells..<run.upperBound * cells, channels: query.channels) {
                Rows.mean($0, channels: query.channels)
            }
        }
        let frames = Rows.normalized(TensorBuffer(means.flatMap { $0 }), channels: query.channels)
        let words = Rows.normalized(words(of: query), channels: query.channels)
        let count = words.count / query.channels
        let values = words.withUnsafeBufferPointer { words in
            frames.withUnsafeBufferPointer {
                Matrix.products(words, rows: count, $0, rows: runs.count, channels: query.channels)
            }
        }
        return (values, count)
    }

    /// The query's vectors, or the means of their clusters if there are too many.
    private func words(of query: Query) -> TensorBuffer<Float> {
        let vectors = TensorBuffer(query.vectors)
        guard query.count > BanzhafInteraction.mostWords else { return vectors }
        let clusters = vectors.withUnsafeBufferPointer {
            DensityPeaks($0, channels: query.channels, count: BanzhafInteraction.mostWords, neighbours: 3)
        }
        let rows = zip(clusters.centres, clusters.members).map { ReductionPlan.Row(anchor: $0, averaging: $1) }
        return ReductionPlan(sourceCount: query.count, rows: rows).applied(to: vectors, channels: query.channels)
    }
}
