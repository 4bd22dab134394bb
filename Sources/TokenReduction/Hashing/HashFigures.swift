internal import TensorOps
public import TokenCore

/// How well codes are used, what they cost, and what they lose.
///
/// Source: the measures of "Discrete Audio Tokens: More Than a Survey!" (arXiv 2506.10274) for tokenizers: bit rate,
/// codebook usage and entropy, reconstruction error, and whether codes can be streamed.
public struct HashFigures: Sendable, Equatable {
    /// Codes of each token.
    public let levels: Int
    /// Entries of all codebooks together.
    public let entries: Int
    /// Share of the entries that some token uses.
    public let usage: Double
    /// Bits that a code carries on average, of at most `log2` of the entries of its codebook.
    public let entropy: Double
    /// `2^entropy`: how many equally frequent entries would carry as much.
    public let perplexity: Double
    /// Bits of all codes of the video, each in equal bits, without the codebooks.
    public let bits: Int
    /// The same after compression without loss by ``CodeSequence``; nil where that was not tried.
    public let compressedBits: Int?
    /// `bits` for each second of the video; nil for a single frame.
    public let bitRate: Double?
    /// Whether the codes of a frame depend on that frame and those before it alone; nil where that is not known.
    public let isStreamable: Bool?
    /// Mean squared difference of tokens and what their codes stand for, as a share of the mean squared token; nil
    /// without the tokens.
    public let relativeError: Double?
    /// Mean cosine of the same.
    public let cosine: Double?

    /// Measures the codes of a grid, and with `values`, the tokens, what they lose.
    ///
    /// Without `levels` the codes name entries of `codebook`. Codes of blocks of tokens are compressed as if every token
    /// had its own.
    public init(
        codes: [Int32], codebook: TensorBuffer<Float>, levels: CodeLevels?, shape: GridShape, frameTimes: [Double],
        isStreamable: Bool? = nil, values: TensorBuffer<Float>? = nil, isCompressed: Bool = true, workers: Int = 1
    ) {
        let coded =
            levels ?? CodeLevels(sizes: [codebook.count / shape.channels], codes: codes, codebook: codebook)
        var used = 0
        var entropies: [Double] = []
        var plain = 0
        var compressed = 0
        for level in 0..<coded.count {
            var counts = [Int](repeating: 0, count: coded.sizes[level])
            for code in coded.codes(of: level) { counts[Int(code)] += 1 }
            used += counts.count { $0 > 0 }
            entropies.append(Self.entropy(of: counts))
            plain += coded.cells[level] * CodeSequence.bits(for: coded.sizes[level])
            if isCompressed {
                let sequence = CodeSequence(
                    Array(coded.codes(of: level)), places: max(shape.tokensPerFrame, 1), base: coded.sizes[level])
                compressed += min(sequence.bitCount, coded.cells[level] * CodeSequence.bits(for: coded.sizes[level]))
            }
        }
        self.levels = coded.count
        entries = coded.sizes.reduce(0, +)
        usage = entries == 0 ? 0 : Double(used) / Double(entries)
        entropy = entropies.isEmpty ? 0 : entropies.reduce(0, +) / Double(entropies.count)
        perplexity = Elementary.exp2(entropy)
        bits = plain
        compressedBits = isCompressed ? compressed : nil
        let span = (frameTimes.last ?? 0) - (frameTimes.first ?? 0)
        // The last frame is shown as long as the others.
        let frames = Double(frameTimes.count)
        bitRate = span > 0 ? Double(plain) * (frames - 1) / (span * frames) : nil
        self.isStreamable = isStreamable
        let loss = values.map { Self.loss(of: coded, from: $0, channels: shape.channels, workers: workers) }
        relativeError = loss?.error
        cosine = loss?.cosine
    }

    /// Shannon's entropy of a distribution given by counts, in bits.
    static func entropy(of counts: [Int]) -> Double {
        let total = Double(counts.reduce(0, +))
        return counts.filter { $0 > 0 }.reduce(0.0) { sum, count in
            let share = Double(count) / total
            return sum - share * Elementary.log2(share)
        }
    }

    private static func loss(
        of codes: CodeLevels, from values: TensorBuffer<Float>, channels: Int, workers: Int
    ) -> (error: Double, cosine: Double) {
        let blocks = Rows.blocks(of: codes.tokenCount, size: 256).mapParallel(workers: workers) {
            block -> (squares: Double, errors: Double, cosines: Double) in
            let sums = codes.reconstruction(of: block, channels: channels)
            return values.withRows(block, channels: channels) { tokens in
                sums.withUnsafeBufferPointer { sums in
                    let (dots, squares) = Rows.dotsAndSquares(tokens, sums, channels: channels)
                    let own = Rows.dotsAndSquares(tokens, tokens, channels: channels).squares
                    return dots.indices.reduce((0, 0, 0)) { total, row in
                        let (a, b, dot) = (Double(own[row]), Double(squares[row]), Double(dots[row]))
                        let cosine = a * b > 0 ? min(dot / (a * b).squareRoot(), 1) : (a == b ? 1 : 0)
                        return (total.0 + a, total.1 + max(a - 2 * dot + b, 0), total.2 + cosine)
                    }
                }
            }
        }
        let total = blocks.reduce((0, 0, 0)) { ($0.0 + $1.squares, $0.1 + $1.errors, $0.2 + $1.cosines) }
        return (total.0 > 0 ? total.1 / total.0 : 0, total.2 / Double(max(codes.tokenCount, 1)))
    }
}

extension TokenHash {
    /// The figures of these codes on the grid they name; codes are not compressed for it.
    ///
    /// - Precondition: `grid` is the one that was hashed.
    public func figures(of grid: TokenGrid, workers: Int) -> HashFigures {
        HashFigures(
            codes: codes, codebook: codebook, levels: levels, shape: grid.shape, frameTimes: grid.frameTimes,
            isStreamable: isStreamable, values: grid.values, isCompressed: false, workers: workers)
    }
}
