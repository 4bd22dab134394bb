internal import TensorOps
internal import TokenCore

/// One index for what a token means and what it looks like.
///
/// Source: TokenFlow (arXiv 2412.03069), `VectorQuantizer.forward`: both parts are normalised, and the index is
/// `argmin_k |s - s_k|² + w |p - p_k|²` over two codebooks of one length. K-means on `[s, sqrt(w) p]` minimises the same
/// sum. The semantic part is the token; the other is the patch embedding, or where the grid has none and a substitute
/// is allowed, how the token differs from the mean of its neighbours in its frame, in 16 groups of channels.
///
/// The token codebook is at the scale of the tokens; that of the descriptors is the hash's plan applied to them.
/// Shapes: tokens `[N, D]`, descriptors `[N, E]`, codes `[N]`. Cost: O(N K (D + E)) a step.
struct JointHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "joint", kind: .hash,
        summary: "Clusters by meaning and appearance at once, so that one index names both.",
        source: "TokenFlow, arXiv 2412.03069",
        parameters: [
            .real("weight", 1, in: 0...1000, "How much appearance counts beside meaning."),
            .whole("iterations", 10, in: 1...10_000, "Steps of k-means at most."),
            .whole("max-codes", 256, in: 2...65_536, "Entries of an automatic size."),
            .whole("seed", 0, in: 0...Int(Int32.max), "Seed of k-means++."),
        ],
        needs: [.patchEmbeddings],
        substitutes: [.patchEmbeddings: "each token's difference from its neighbours"], cost: "O(T N K (D + E)) a step")

    private let weight: Float
    private let iterations: Int
    private let maxCodes: Int
    private let seed: UInt64

    init(_ values: ParameterValues) {
        weight = Float(values.real("weight"))
        iterations = values.whole("iterations")
        maxCodes = values.whole("max-codes")
        seed = UInt64(values.whole("seed"))
    }

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let features = Self.features(of: input, weight: weight)
        let wanted = size.wordCount(atMost: candidates.plan.count, auto: maxCodes)
        let means = EuclideanKMeans(
            of: features.values, channels: features.width, count: wanted, iterations: iterations, seed: seed,
            workers: input.workers)
        try input.checkCancellation()
        let distances = Self.distances(features.values, means, width: features.width)
        return TokenHash(
            labels: means.labels, labelCount: wanted, similarity: distances.map { -$0 }, grid: input.grid,
            norms: input.norms, isNormalized: false)
    }

    /// `[N, D + E]`: unit tokens beside weighted unit descriptors.
    static func features(of input: ReductionInput, weight: Float) -> (values: TensorBuffer<Float>, width: Int) {
        let channels = input.channels
        let width = input.grid.patchEmbeddings == nil ? contrastGroups : input.grid.patchEmbeddingChannels
        let looks = Rows.normalized(
            input.grid.patchEmbeddings ?? contrast(of: input), channels: width, workers: input.workers)
        let meaning = Rows.normalized(input.grid.values, channels: channels, workers: input.workers)
        let total = channels + width
        let values = meaning.withUnsafeBufferPointer { meaning in
            looks.withUnsafeBufferPointer { looks in
                TensorBuffer<Float>(count: input.grid.shape.tokenCount * total) { output in
                    for token in 0..<input.grid.shape.tokenCount {
                        for channel in 0..<channels {
                            output[token * total + channel] = meaning[token * channels + channel]
                        }
                        for channel in 0..<width {
                            output[token * total + channels + channel] =
                                weight.squareRoot() * looks[token * width + channel]
                        }
                    }
                }
            }
        }
        return (values, total)
    }

    private static let contrastGroups = 16

    /// `[N, 16]`: the token less the mean of the up to nine cells around it, averaged over groups of channels.
    private static func contrast(of input: ReductionInput) -> TensorBuffer<Float> {
        let shape = input.grid.shape
        let frames = Array(0..<shape.frames).mapParallel(workers: input.workers) { frame -> [Float] in
            let cells = frame * shape.tokensPerFrame..<(frame + 1) * shape.tokensPerFrame
            let groups = input.grid.values.withRows(cells, channels: shape.channels) { tokens in
                (0..<cells.count * contrastGroups).map { index -> Float in
                    let (cell, group) = index.quotientAndRemainder(dividingBy: contrastGroups)
                    let first = group * shape.channels / contrastGroups
                    let last = max((group + 1) * shape.channels / contrastGroups, first + 1)
                    return (first..<last).reduce(0) { $0 + tokens[cell * shape.channels + $1] } / Float(last - first)
                }
            }
            return (0..<groups.count).map { index in
                let (cell, group) = index.quotientAndRemainder(dividingBy: contrastGroups)
                let (row, column) = cell.quotientAndRemainder(dividingBy: shape.columns)
                let rows = max(row - 1, 0)...min(row + 1, shape.rows - 1)
                let columns = max(column - 1, 0)...min(column + 1, shape.columns - 1)
                let around = rows.reduce(Float(0)) { sum, row in
                    columns.reduce(sum) { $0 + groups[(row * shape.columns + $1) * contrastGroups + group] }
                }
                return groups[index] - around / Float(rows.count * columns.count)
            }
        }
        return TensorBuffer(frames.flatMap { $0 })
    }

    private static func distances(_ values: TensorBuffer<Float>, _ means: EuclideanKMeans, width: Int) -> [Float] {
        means.labels.enumerated().map { token, label in
            values.withRows(token..<token + 1, channels: width) { token in
                means.entries.withRows(Int(label)..<Int(label) + 1, channels: width) { entry in
                    zip(token, entry).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                }
            }
        }
    }
}
