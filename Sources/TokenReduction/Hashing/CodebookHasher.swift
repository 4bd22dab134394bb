internal import TensorOps
internal import TokenCore

/// VQ token hashing: learns a codebook from the tokens and names every cell of the grid by one of its entries.
///
/// Source: VQToken (Zhang & Fu, NeurIPS 2025, arXiv 2503.16980), section 3: discretise by k-means, codebook = mean of
/// the members, token hash = the map `M[t, h, w]` of codes. Here k-means is spherical with k-means++ from a fixed seed,
/// no code is dead, codes are numbered by first appearance, and entries keep the scale of the features.
///
/// After merging the codebook is learnt from the merged tokens, weighted by their sizes, and then every source token
/// takes the nearest entry. Shapes: candidates `[C, D]`, codes `[T, H, W]`, codebook `[K, D]`.
/// Cost: O(C K D) a step, O(T N K D) to name all cells.
///
/// With `asPublished`: VQToken's own update and stopping rule, codebook of normalised tokens, and for an automatic size
/// its elbow over 12...`max-codes`, whose start offset is missing as released.
struct CodebookHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "codebook", kind: .hash,
        summary: "Learns a codebook by spherical k-means and names every token by its nearest entry.",
        source: "VQToken, arXiv 2503.16980, section 3",
        parameters: [
            .whole("seed", 0, in: 0...Int(Int32.max), "Seed of k-means++."),
            .whole("iterations", 25, in: 1...10_000, "Steps of k-means at most."),
            .whole("max-codes", 256, in: 2...65_536, "Largest codebook an automatic size may choose."),
        ],
        cost: "O(T N K D) a step")

    private let seed: UInt64
    private let iterations: Int
    private let maxCodes: Int

    init(_ values: ParameterValues) {
        seed = UInt64(values.whole("seed"))
        iterations = values.whole("iterations")
        maxCodes = values.whole("max-codes")
    }

    /// The bend is looked for on this many tokens in a few random directions, so that many sizes can be tried.
    private static let elbowSample = 2048

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let channels = input.channels
        let tokens = Rows.normalized(candidates.values, channels: channels, workers: input.workers)
        let isIdentity = candidates.plan.isIdentity
        let weights = isIdentity ? nil : candidates.plan.sizes
        let count: Int
        switch size {
        case .fixed(let wanted): count = min(max(wanted, 1), candidates.plan.count)
        case .auto:
            count =
                try input.asPublished
                ? publishedSize(tokens, channels, input) : bend(tokens, channels, weights, input)
        }
        try input.checkCancellation()
        let means = SphericalKMeans(
            tokens: tokens, channels: channels, weights: weights,
            centroids: seeds(count, tokens, channels, weights), maxIterations: iterations,
            rule: input.asPublished ? .published : .spherical, workers: input.workers)
        let named =
            isIdentity
            ? (means.labels, means.similarity)
            : SphericalKMeans.assign(
                input.grid.values, channels: channels, norms: input.norms, to: means.centroids, workers: input.workers)
        return TokenHash(
            labels: named.0, labelCount: count, similarity: named.1, grid: input.grid, norms: input.norms,
            isNormalized: input.asPublished)
    }

    private func seeds(
        _ count: Int, _ tokens: TensorBuffer<Float>, _ channels: Int, _ weights: [Float]?
    ) -> TensorBuffer<Float> {
        let chosen = KMeansSeeding.draw(count, from: tokens, channels: channels, weights: weights, seed: seed)
        return tokens.gathering(chosen, channels: channels)
    }

    private func bend(
        _ tokens: TensorBuffer<Float>, _ channels: Int, _ weights: [Float]?, _ input: ReductionInput
    ) throws(TokenReelError) -> Int {
        let count = tokens.count / channels
        let chosen = Array(stride(from: 0, to: count, by: (count + Self.elbowSample - 1) / Self.elbowSample))
        let (points, width) = KMeansSeeding.projected(
            tokens.gathering(chosen, channels: channels), channels: channels, seed: seed)
        let sample = Rows.normalized(points, channels: width)
        let sampleWeights = weights.map { weights in chosen.map { weights[$0] } }
        let most = min(maxCodes, chosen.count)
        // 1, 2, 3, 4, 6, 8, 12, 16, 24, …
        let sizes = sequence(first: 1) { $0 * 2 }.lazy.prefix { $0 <= most }.flatMap { [$0, $0 * 3 / 2] }
        let distinct = Set(sizes.filter { $0 <= most }).sorted()
        let seeds = KMeansSeeding.draw(most, from: sample, channels: width, weights: sampleWeights, seed: seed)
        var distortions: [Double] = []
        for size in distinct {
            try input.checkCancellation()
            let means = SphericalKMeans(
                tokens: sample, channels: width, weights: sampleWeights,
                centroids: sample.gathering(Array(seeds.prefix(size)), channels: width),
                maxIterations: min(iterations, 10), workers: input.workers)
            distortions.append(
                means.similarity.enumerated().reduce(0) {
                    $0 + Double(sampleWeights?[$1.offset] ?? 1) * 2 * Double(1 - $1.element)
                })
        }
        return Elbow.bend(sizes: distinct, distortions: distortions)
    }

    private func publishedSize(
        _ tokens: TensorBuffer<Float>, _ channels: Int, _ input: ReductionInput
    ) throws(TokenReelError) -> Int {
        let most = min(maxCodes, tokens.count / channels)
        guard most > 12 else { return most }
        let seeds = self.seeds(most, tokens, channels, nil)
        var distortions: [Double] = []
        for size in 12...most {
            try input.checkCancellation()
            let means = SphericalKMeans(
                tokens: tokens, channels: channels,
                centroids: seeds.gathering(Array(0..<size), channels: channels), maxIterations: iterations,
                rule: .published, workers: input.workers)
            distortions.append(means.distortion(of: tokens, channels: channels))
        }
        return min(Elbow.published(distortions: distortions), most)
    }
}

extension CodebookHasher: CodebookNaming {
    /// By cosine.
    func labels(
        of tokens: TensorBuffer<Float>, channels: Int, in entries: TensorBuffer<Float>, workers: Int
    ) -> [Int32] {
        let norms = tokens.withUnsafeBufferPointer { Rows.norms($0, channels: channels) }
        return SphericalKMeans.assign(tokens, channels: channels, norms: norms, to: entries, workers: workers).labels
    }
}
