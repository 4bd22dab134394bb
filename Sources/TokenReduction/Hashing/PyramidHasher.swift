internal import TensorOps
internal import TokenCore

/// Pyramid codes: a coarse grid first, then what it leaves over on finer and finer grids.
///
/// Source: HiTVideo (arXiv 2503.11513), derived from its description, as there is no code. Level 1 codes blocks of
/// `4 x 4 x 4` tokens (frames, rows, columns), level 2 blocks of `2 x 2 x 2`, level 3 single tokens: each level averages
/// what the levels above leave over in its blocks and quantises the means by k-means. The sum of the levels that have
/// been read is the token, so decoding may stop after any. This is also the residual over scales of TokenFlow's
/// `encode`, with repetition in place of bicubic interpolation.
///
/// The output tokens are blocks too, means of the tokens within: all of the coarsest, then those split that lose the
/// most squared detail, into the blocks of the next level, while the budget allows.
/// Shapes: codes `[3, N]`, codebooks `[3, K, D]`. Cost: O(N K D) a step.
struct PyramidHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "pyramid", kind: .hash,
        summary: "Codes coarse blocks, then what they leave over on finer ones; splits blocks where detail is lost.",
        source: "HiTVideo, arXiv 2503.11513",
        parameters: [
            .whole("codes", 64, in: 1...65_536, "Entries of each level's codebook, at most its blocks."),
            .whole("iterations", 10, in: 1...10_000, "Steps of k-means at most."),
            .whole("max-codes", 256, in: 2...65_536, "Blocks that an automatic size asks for."),
            .whole("seed", 0, in: 0...Int(Int32.max), "Seed of k-means++."),
        ],
        cost: "O(T N K D) a step")

    /// Tokens along each side of a block, coarse to fine.
    private static let sides = [4, 2, 1]

    private let codes: Int
    private let iterations: Int
    private let maxCodes: Int
    private let seed: UInt64

    init(_ values: ParameterValues) {
        codes = values.whole("codes")
        iterations = values.whole("iterations")
        maxCodes = values.whole("max-codes")
        seed = UInt64(values.whole("seed"))
    }

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let channels = input.channels
        let pyramid = Self.sides.map { Blocks(of: input.grid.shape, side: $0) }
        var books: [TensorBuffer<Float>] = []
        var levelCodes: [[Int32]] = []
        for blocks in pyramid {
            try input.checkCancellation()
            let above = CodeLevels(books: books, codes: levelCodes, channels: channels)
            let means = blocks.means(of: input.grid.values, less: above, channels: channels)
            let clusters = EuclideanKMeans(
                of: means, channels: channels, count: codes, iterations: iterations, seed: seed,
                workers: input.workers)
            books.append(clusters.entries)
            levelCodes.append(blocks.owners.map { clusters.labels[Int($0)] })
        }
        let wanted = size.wordCount(atMost: candidates.plan.count, auto: maxCodes)
        return TokenHash(
            words: Self.refined(pyramid, to: wanted, of: input),
            levels: CodeLevels(
                books: books, codes: levelCodes, channels: channels, cells: pyramid.map(\.count)), of: input)
    }

    /// For each token a number of the block it ends up in, after splitting blocks up to `wanted`.
    private static func refined(_ pyramid: [Blocks], to wanted: Int, of input: ReductionInput) -> [Int32] {
        // Detail of a part never exceeds that of the whole, so in this order a block comes before its parts.
        var splits: [(detail: Double, level: Int, block: Int)] = []
        for level in 0..<pyramid.count - 1 {
            for (block, detail) in pyramid[level].details(of: input).enumerated() {
                splits.append((detail, level, block))
            }
        }
        splits.sort { ($0.detail, $1.level, $1.block) > ($1.detail, $0.level, $0.block) }
        let parts = (0..<pyramid.count - 1).map { pyramid[$0].parts(in: pyramid[$0 + 1]) }
        var isWhole = pyramid.indices.map { level in
            [Bool](repeating: level == 0, count: pyramid[level].count)
        }
        var count = pyramid[0].count
        for split in splits where isWhole[split.level][split.block] {
            let into = parts[split.level][split.block]
            guard count + into.count - 1 <= wanted else { continue }
            count += into.count - 1
            isWhole[split.level][split.block] = false
            for part in into { isWhole[split.level + 1][part] = true }
        }
        var first: Int32 = 0
        var labels = [Int32](repeating: 0, count: input.grid.shape.tokenCount)
        for (blocks, isWhole) in zip(pyramid, isWhole) {
            for token in labels.indices where isWhole[Int(blocks.owners[token])] {
                labels[token] = first + blocks.owners[token]
            }
            first += Int32(blocks.count)
        }
        return CodeLevels.words([labels[...]]).labels
    }
}

/// The grid cut into blocks of equal sides, smaller at the far edges.
private struct Blocks {
    /// `[T * H * W]`: the block of each token.
    let owners: [Int32]
    let count: Int
    private let members: [Int]

    init(of shape: GridShape, side: Int) {
        let (rows, columns) = ((shape.rows + side - 1) / side, (shape.columns + side - 1) / side)
        count = (shape.frames + side - 1) / side * rows * columns
        var owners: [Int32] = []
        var members = [Int](repeating: 0, count: count)
        for frame in 0..<shape.frames {
            for row in 0..<shape.rows {
                for column in 0..<shape.columns {
                    let block = (frame / side * rows + row / side) * columns + column / side
                    owners.append(Int32(block))
                    members[block] += 1
                }
            }
        }
        self.owners = owners
        self.members = members
    }

    /// `[count, channels]`: the mean of what the levels above leave over in each block.
    func means(of values: TensorBuffer<Float>, less above: CodeLevels, channels: Int) -> TensorBuffer<Float> {
        TensorBuffer(count: count * channels) { output in
            output.initialize(repeating: 0)
            for run in Rows.blocks(of: owners.count, size: 256) {
                let sums = above.reconstruction(of: run, channels: channels)
                for token in run {
                    let block = Int(owners[token])
                    let mean = UnsafeMutableBufferPointer(rebasing: output[block * channels..<(block + 1) * channels])
                    let share = 1 / Float(members[block])
                    let place = token - run.lowerBound
                    values.withRows(token..<token + 1, channels: channels) { Rows.add($0, scale: share, to: mean) }
                    sums.withRows(place..<place + 1, channels: channels) { Rows.add($0, scale: -share, to: mean) }
                }
            }
        }
    }

    /// `[count]`: the sum of squared distances of the tokens of each block to their mean.
    func details(of input: ReductionInput) -> [Double] {
        let none = CodeLevels(sizes: [], codes: [], codebook: TensorBuffer([]))
        let means = means(of: input.grid.values, less: none, channels: input.channels)
        // The sum of squares less that of the mean.
        var details = means.withUnsafeBufferPointer {
            zip(Rows.norms($0, channels: input.channels), members).map { -Double($0) * Double($0) * Double($1) }
        }
        for (token, owner) in owners.enumerated() {
            details[Int(owner)] += Double(input.norms[token]) * Double(input.norms[token])
        }
        return details
    }

    /// The blocks of a finer cut that lie in each of these, ascending.
    func parts(in finer: Blocks) -> [[Int]] {
        var parts = [[Int]](repeating: [], count: count)
        var isSeen = [Bool](repeating: false, count: finer.count)
        for (owner, part) in zip(owners, finer.owners) where !isSeen[Int(part)] {
            isSeen[Int(part)] = true
            parts[Int(owner)].append(Int(part))
        }
        return parts
    }
}
