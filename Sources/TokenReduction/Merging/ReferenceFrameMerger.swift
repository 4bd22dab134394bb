package import TokenCore

/// Merging into a reference frame (FastVGGT): the first frame stays whole, and so does one token of each small block of
/// every other frame; all others may join the most alike of those.
///
/// Source: FastVGGT (Shen et al., arXiv 2509.02560), section 3.3. Destinations are all tokens of the first frame and
/// one drawn at random from each block of stride x stride cells elsewhere; every tenth token of the whole sequence is
/// protected; the most alike of the other tokens join their destination, as a plain mean.
///
/// Shapes: `[n, D]` of each segment, the whole clip where nothing segments, to its share of the count. Destinations
/// can't merge, so where the share is below their number further rounds of ToMe follow, and only a tenth of the share
/// is protected. With `asPublished` there is one round of r = int(n (1 - R)), and a tenth of all tokens is protected.
/// Deviations: the reference emits a destination that is also protected twice, here it is emitted once; draws are a
/// hash of seed, frame and block instead of a random state; VGGT's camera and register tokens do not exist here.
/// Cost: O(n^2 D / s^2).
package struct ReferenceFrameMerger: TokenMerger {
    package static let descriptor = StageDescriptor(
        name: "reference-frame", kind: .merge,
        summary: "Merges tokens of all frames into the first frame and a sparse pick of the others.",
        source: "FastVGGT, arXiv 2509.02560, section 3.3",
        parameters: [
            .whole("stride", 2, in: 1...64, "Rows and columns of the block that has one destination."),
            .flag("protection", true, "1 leaves every tenth token as it is."),
            .whole("seed", 33, in: 0...1_000_000, "Which token of each block is the destination."),
        ], cost: "O(T^2 N^2 D / s^2) for blocks of s x s")

    private let stride: Int
    private let isProtecting: Bool
    private let seed: Int
    private let draws: [Int]?

    package init(_ values: ParameterValues) {
        stride = values.whole("stride")
        isProtecting = values.flag("protection")
        seed = values.whole("seed")
        draws = nil
    }

    /// With draws made elsewhere: for every frame after the first and every block the place of the destination in it.
    package init(stride: Int, isProtecting: Bool, draws: [Int]) {
        self.stride = stride
        self.isProtecting = isProtecting
        self.draws = draws
        seed = 0
    }

    package func plan(
        for input: ReductionInput, segments: [Segment], count: Int
    ) throws(TokenReelError) -> ReductionPlan {
        let merging = SequenceMerging(.segment, of: input, segments, count: count)
        let workers = merging.workersWithin(input)
        return try merging.plan(of: input) { sequence, target throws(TokenReelError) in
            let length = sequence.count
            let removed = input.asPublished ? input.publishedRatio.map { Int(Double(length) * (1 - $0)) } : nil
            let protected = isProtecting ? Self.protected(of: length, among: input.asPublished ? length : target) : []
            let destinations = destinations(of: sequence.plan, input)
            let isDestination = Self.mask(destinations, length)
            let isProtected = Self.mask(protected, length)
            let matching = BipartiteMatching(
                Bipartition(
                    sources: (0..<length).filter { !isDestination[$0] && !isProtected[$0] },
                    destinations: destinations),
                of: sequence.tokens, workers: workers)
            let ranking = matching.ranking
            let merged = min(removed ?? length - target, ranking.count)
            sequence.apply(
                matching.plan(
                    of: length, joining: ranking.prefix(merged), sizes: nil,
                    leading: ranking.dropFirst(merged).map { matching.partition.sources[$0] },
                    trailing: protected.filter { !isDestination[$0] }))
            if !input.asPublished { try sequence.reduce(to: target) }
        }
    }

    /// Every n-th token so that there is a tenth of `total` of them.
    private static func protected(of length: Int, among total: Int) -> [Int] {
        let count = total / 10
        return (0..<count).map { $0 * (length / count) }
    }

    private static func mask(_ tokens: [Int], _ length: Int) -> [Bool] {
        var mask = [Bool](repeating: false, count: length)
        for token in tokens { mask[token] = true }
        return mask
    }

    /// All tokens of the first frame, and one of each whole block of the others.
    private func destinations(of sequence: ReductionPlan, _ input: ReductionInput) -> [Int] {
        let shape = input.grid.shape
        let blocks = (rows: shape.rows / stride, columns: shape.columns / stride)
        let frames = sequence.count / shape.tokensPerFrame
        let first = (sequence.anchors.first.map(Int.init) ?? 0) / shape.tokensPerFrame
        var destinations = Array(0..<min(shape.tokensPerFrame, sequence.count))
        for frame in 0..<frames where frame > 0 {
            var chosen: [Int] = []
            for block in 0..<blocks.rows * blocks.columns {
                let draw =
                    draws?[(frame - 1) * blocks.rows * blocks.columns + block]
                    ?? Self.draw(seed, first + frame, block, below: stride * stride)
                let row = block / blocks.columns * stride + draw / stride
                let column = block % blocks.columns * stride + draw % stride
                chosen.append(frame * shape.tokensPerFrame + row * shape.columns + column)
            }
            destinations += chosen.sorted()
        }
        return destinations
    }

    /// A number that looks random and depends on nothing but its arguments.
    private static func draw(_ seed: Int, _ frame: Int, _ block: Int, below bound: Int) -> Int {
        var generator = SplitMix64(state: UInt64(seed) << 48 ^ UInt64(frame) << 24 ^ UInt64(block))
        return Int(generator.next() % UInt64(bound))
    }
}
