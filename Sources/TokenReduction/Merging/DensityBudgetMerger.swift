internal import TensorOps
internal import TokenCore

/// Tokens by density (after LangDC): the more there is to see in a segment, the more tokens it gets.
///
/// Source: LangDC (Wang et al., EMNLP 2025, arXiv 2509.00969) lets a small language model caption each clip and takes
/// as many tokens as the caption is long. This is its policy without the model: with a density d of each segment
///
///     n_s = count * (floor / S + (1 - floor) * d_s^sharpness / sum)
///
/// never more than the segment has, shared out exactly; ToMe then halves the segment until it has its share.
/// Densities: `spread`, the mean distance of tokens to their mean; `codes`, how many of 64 codes of the clip
/// (spherical k-means, at most one code for 8 tokens) occur in the segment; `rank`, the effective number of directions
/// in which tokens vary,
///
///     tr(G)^2 / |G|_F^2,   G the Gram matrix of tokens about their mean,
///
/// of at most 512 tokens at equal distances. Shapes: `[T, N, D]` to exactly `count` rows, as long as every segment
/// keeps one. Cost: O(T N D) for spread, 10 O(64 T N D) for codes, O(512^2 S D) for rank; O(n^2 D) to merge n tokens.
struct DensityBudgetMerger: TokenMerger {
    static let descriptor = StageDescriptor(
        name: "density-budget", kind: .merge,
        summary: "Gives segments tokens by how much there is to see in them, and merges each to its share.",
        source: "After LangDC, arXiv 2509.00969, without its language model",
        parameters: [
            .choice(
                "density", among: ["spread", "codes", "rank"],
                "What is counted as density: distance from the mean, codes in use, or effective rank."),
            .real("floor", 0.25, in: 0...1, "Share of the budget that all segments divide equally."),
            .whole("sharpness", 1, in: 1...8, "Power of the density that makes a segment's weight."),
        ], cost: "O(T^2 N^2 D / S) for S segments")

    private enum Density: CaseIterable { case spread, codes, rank }

    private let density: Density
    private let floor: Double
    private let sharpness: Int

    init(_ values: ParameterValues) {
        density = values.choice("density", as: Density.self)
        floor = values.real("floor")
        sharpness = values.whole("sharpness")
    }

    private static let codeCount = 64
    private static let sampleCount = 512

    func plan(for input: ReductionInput, segments: [Segment], count: Int) throws(TokenReelError) -> ReductionPlan {
        let ranges = MergeScope.segment.sequences(of: input, segments)
        let densities = try densities(of: ranges, input)
        let powers = densities.map { density in (0..<sharpness).reduce(1) { power, _ in power * density } }
        let sum = powers.reduce(0, +)
        let weights = powers.map { power in
            let equal = 1 / Double(ranges.count)
            return floor * equal + (1 - floor) * (sum > 0 ? power / sum : equal)
        }
        let shares = Apportionment.share(count, among: weights, capacities: ranges.map(\.count))
        return try SequenceMerging(ranges, targets: shares).plan(of: input) {
            sequence, target throws(TokenReelError) in
            try sequence.reduce(to: target)
        }
    }

    // MARK: Densities

    private func densities(of ranges: [Range<Int>], _ input: ReductionInput) throws(TokenReelError) -> [Double] {
        let codes = density == .codes ? Self.codes(of: input) : []
        return try Parallel.map(count: ranges.count, workers: input.workers) { index throws(TokenReelError) in
            try input.checkCancellation()
            let range = ranges[index]
            return switch density {
            case .spread: Self.spread(of: Array(range), input)
            case .codes: Double(Set(codes[range]).count)
            case .rank:
                Self.effectiveRank(of: range.count <= Self.sampleCount ? Array(range) : Self.sample(of: range), input)
            }
        }
    }

    private static func sample(of range: Range<Int>) -> [Int] {
        (0..<sampleCount).map { range.lowerBound + $0 * range.count / sampleCount }
    }

    /// The code of each token of the clip.
    private static func codes(of input: ReductionInput) -> [Int32] {
        let units = Rows.normalized(input.grid.values, channels: input.channels, workers: input.workers)
        let count = min(codeCount, (input.grid.shape.tokenCount + 7) / 8)
        let seeds = KMeansSeeding.draw(count, from: units, channels: input.channels, weights: nil, seed: 0)
        return SphericalKMeans(
            tokens: units, channels: input.channels, centroids: units.gathering(seeds, channels: input.channels),
            maxIterations: 10, workers: input.workers
        ).labels
    }

    private static func spread(of tokens: [Int], _ input: ReductionInput) -> Double {
        var sum = 0.0
        forEachDeviation(of: tokens, input) { sum += Double(Rows.dot($0, $0).squareRoot()) }
        return sum / Double(tokens.count)
    }

    private static func effectiveRank(of tokens: [Int], _ input: ReductionInput) -> Double {
        var deviations: [Float] = []
        deviations.reserveCapacity(tokens.count * input.channels)
        forEachDeviation(of: tokens, input) { deviations.append(contentsOf: $0) }
        let gram = deviations.withUnsafeBufferPointer {
            Matrix.products($0, rows: tokens.count, $0, rows: tokens.count, channels: input.channels)
        }
        let trace = tokens.indices.reduce(0.0) { $0 + Double(gram[$1 * tokens.count + $1]) }
        let square = gram.reduce(0.0) { $0 + Double($1) * Double($1) }
        let energy = tokens.reduce(0.0) { $0 + Double(input.norms[$1]) * Double(input.norms[$1]) }
        // What equal tokens differ by is rounding, which would seem to vary in every direction.
        return trace > 1e-9 * energy ? trace * trace / square : 0
    }

    /// Calls `body` with each token's difference from the mean of all.
    private static func forEachDeviation(
        of tokens: [Int], _ input: ReductionInput, _ body: (UnsafeBufferPointer<Float>) -> Void
    ) {
        let mean = ReductionPlan(
            sourceCount: input.grid.shape.tokenCount, rows: [.init(anchor: tokens[0], averaging: tokens)]
        ).applied(to: input.grid.values, channels: input.channels)
        var deviation = [Float](repeating: 0, count: input.channels)
        for token in tokens {
            deviation.withUnsafeMutableBufferPointer { deviation in
                input.grid.values.withRows(token..<token + 1, channels: input.channels) {
                    Rows.scale($0, by: 1, into: deviation)
                }
                mean.withUnsafeBufferPointer { Rows.add($0, scale: -1, to: deviation) }
                body(UnsafeBufferPointer(deviation))
            }
        }
    }
}
