internal import TensorOps
public import TokenCore

/// How many entries a codebook has.
public enum CodebookSize: Sendable, Equatable {
    /// As many as the bend in the curve of distortion against size says.
    case auto
    /// A given number, at least 1; fewer if there are fewer tokens.
    case fixed(Int)
}

/// The token hash of a video: a codebook, and for every cell of the grid which entry stands for it.
///
/// Codes are numbered by first appearance in raster order, so equal clusterings have equal codes; those of a codebook
/// that was there before the video are its own.
public struct TokenHash: Sendable {
    /// `[T * H * W]`: the code of every source token, 0 ..< count.
    public let codes: [Int32]
    /// The map from source tokens to codebook entries: entry k is a mean of the tokens with code k.
    ///
    /// Of a codebook that was there before, the map to the means of the codes that occur.
    public let plan: ReductionPlan
    /// `[count, channels]`: the codebook at the scale of the source features.
    public let codebook: TensorBuffer<Float>

    /// Several codes for each token, where the method is one that adds up entries; ``codes`` then names their words.
    public let levels: CodeLevels?
    /// Whether the codes of a frame depend on that frame and those before it alone.
    public let isStreamable: Bool

    /// Number of codebook entries.
    public let count: Int

    init(
        codes: [Int32], plan: ReductionPlan, codebook: TensorBuffer<Float>, count: Int, levels: CodeLevels?,
        isStreamable: Bool
    ) {
        self.codes = codes
        self.plan = plan
        self.codebook = codebook
        self.count = count
        self.levels = levels
        self.isStreamable = isStreamable
    }

    /// Builds the codebook from an assignment of every source token.
    ///
    /// - Parameters:
    ///   - labels: Any numbers below `labelCount`; unused ones vanish.
    ///   - similarity: Cosine of each token to its centroid; the token most alike anchors the entry.
    ///   - isNormalized: Whether entries are means of tokens scaled to unit length, as VQToken's code has it.
    init(
        labels: [Int32], labelCount: Int, similarity: [Float], grid: TokenGrid, norms: [Float], isNormalized: Bool,
        levels: CodeLevels? = nil, isStreamable: Bool = false
    ) {
        var canonical = [Int32](repeating: -1, count: labelCount)
        var members: [[Int]] = []
        codes = labels.enumerated().map { token, label in
            if canonical[Int(label)] < 0 {
                canonical[Int(label)] = Int32(members.count)
                members.append([])
            }
            members[Int(canonical[Int(label)])].append(token)
            return canonical[Int(label)]
        }
        plan = ReductionPlan(
            sourceCount: labels.count,
            rows: members.map { tokens in
                let anchor = tokens.reduce(tokens[0]) { similarity[$1] > similarity[$0] ? $1 : $0 }
                let share = 1 / Float(tokens.count)
                let weights = tokens.map { isNormalized ? (norms[$0] > 0 ? share / norms[$0] : 0) : share }
                return .init(anchor: anchor, sources: tokens, weights: weights)
            })
        codebook = plan.applied(to: grid.values, channels: grid.shape.channels)
        count = members.count
        self.levels = levels
        self.isStreamable = isStreamable
    }

    /// Builds the codebook from an assignment of every source token; entries are the means of the tokens that share a
    /// label.
    ///
    /// - Parameters:
    ///   - labels: `[T * H * W]`, not negative; they become codes by first appearance.
    ///   - similarity: `[T * H * W]`: how like its entry each token is; the token most alike anchors the entry.
    ///   - input: What is reduced.
    /// - Precondition: There is a label and a similarity for each source token.
    public init(labels: [Int32], similarity: [Float], of input: ReductionInput) {
        let count = input.grid.shape.tokenCount
        precondition(labels.count == count && similarity.count == count, "every source token needs a code")
        self.init(
            labels: labels, labelCount: Int(labels.max() ?? -1) + 1, similarity: similarity, grid: input.grid,
            norms: input.norms, isNormalized: false)
    }

    /// Builds the codebook from words: one entry for each distinct label, anchored at the token that its codes describe
    /// best.
    init(words labels: [Int32], levels: CodeLevels, of input: ReductionInput, isStreamable: Bool = false) {
        let channels = input.channels
        let similarity = Rows.blocks(of: labels.count, size: 256).mapParallel(workers: input.workers) { block in
            let sums = levels.reconstruction(of: block, channels: channels)
            return sums.withUnsafeBufferPointer { sums in
                input.grid.values.withRows(block, channels: channels) { tokens in
                    let lengths = Rows.norms(sums, channels: channels)
                    return Rows.dotsAndSquares(tokens, sums, channels: channels).dots.enumerated().map { row, dot in
                        let scale = lengths[row] * input.norms[block.lowerBound + row]
                        return scale > 0 ? dot / scale : 0
                    }
                }
            }
        }.flatMap { $0 }
        self.init(
            labels: labels, labelCount: Int(labels.max() ?? -1) + 1, similarity: similarity, grid: input.grid,
            norms: input.norms, isNormalized: false, levels: levels, isStreamable: isStreamable)
    }

    /// Names tokens by the entries of a codebook that was there before, `[K, channels]`.
    init(naming labels: [Int32], by entries: TensorBuffer<Float>, of input: ReductionInput) {
        let channels = input.channels
        let named = entries.gathering(labels.map(Int.init), channels: channels)
        let similarity = input.grid.values.withUnsafeBufferPointer { tokens in
            named.withUnsafeBufferPointer { named in
                let lengths = Rows.norms(named, channels: channels)
                return Rows.dotsAndSquares(tokens, named, channels: channels).dots.enumerated().map { token, dot in
                    let scale = lengths[token] * input.norms[token]
                    return scale > 0 ? dot / scale : 0
                }
            }
        }
        let occurring = TokenHash(
            labels: labels, labelCount: entries.count / channels, similarity: similarity, grid: input.grid,
            norms: input.norms, isNormalized: input.asPublished)
        self.init(
            codes: labels, plan: occurring.plan, codebook: entries, count: entries.count / channels, levels: nil,
            isStreamable: true)
    }
}
