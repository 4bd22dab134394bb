internal import TensorOps
internal import TokenCore

/// Residual quantisation whose first quantisers each see a part of the channels.
///
/// Source: Language-Codec (arXiv 2402.12208), MCRVQ. Quantisers 0, 1, 2 see the token with only the channels of their
/// third, each quantised from the same token: `q_i = nearest entry to x masked to [i C/3, (i+1) C/3)`. The residual
/// `x - (q_0 + q_1 + q_2)` goes through ordinary residual steps `r <- r - q_l(r)`. The token is the sum of all entries.
///
/// The released `encode()` runs plain residual steps for all layers, other than `forward()`; here there is one routine.
/// Codebooks are learnt on the video by k-means, all of one size K. The words of the first quantisers are the output
/// tokens, each the mean of the tokens that have it; K is the largest up to `codes` with which there are no more words
/// than asked for. Deeper levels refine what the codes stand for.
/// Shapes: tokens `[N, D]`, codes `[levels, N]`, codebooks `[levels, K, D]`. Cost: O(levels N K D) a step.
struct ResidualHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "residual", kind: .hash,
        summary: "Codes parts of the channels side by side, then what is left over, level by level.",
        source: "Language-Codec, arXiv 2402.12208",
        parameters: [
            .whole("levels", 6, in: 1...32, "Codes for each token."),
            .whole("masked", 3, in: 1...32, "How many of them see a part of the channels each, at most all levels."),
            .whole("codes", 64, in: 1...65_536, "Entries of each codebook at most."),
            .whole("iterations", 10, in: 1...10_000, "Steps of k-means at most."),
            .whole("max-codes", 256, in: 2...65_536, "Words that an automatic size asks for."),
            .whole("seed", 0, in: 0...Int(Int32.max), "Seed of k-means++."),
        ],
        cost: "O(levels N K D) a step")

    private let levels: Int
    private let masked: Int
    private let mostEntries: Int
    private let iterations: Int
    private let maxCodes: Int
    private let seed: UInt64

    init(_ values: ParameterValues) {
        levels = values.whole("levels")
        masked = min(values.whole("masked"), levels)
        mostEntries = values.whole("codes")
        iterations = values.whole("iterations")
        maxCodes = values.whole("max-codes")
        seed = UInt64(values.whole("seed"))
    }

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let parts = ChannelPart.parts(masked, of: input)
        let wanted = size.wordCount(atMost: candidates.plan.count, auto: maxCodes)
        let coarse = try clusters(of: parts, within: wanted, input)
        var books = zip(parts, coarse).map { $0.widened($1.entries, to: input.channels) }
        var codes = coarse.map(\.labels)
        let entries = books[0].count / input.channels
        for _ in masked..<levels {
            try input.checkCancellation()
            let means = cluster(residual(of: input, books, codes), input.channels, entries, input)
            books.append(means.entries)
            codes.append(means.labels)
        }
        let coded = CodeLevels(books: books, codes: codes, channels: input.channels)
        return TokenHash(words: coded.words(ofFirst: parts.count).labels, levels: coded, of: input)
    }

    private func cluster(
        _ values: TensorBuffer<Float>, _ channels: Int, _ entries: Int, _ input: ReductionInput
    ) -> EuclideanKMeans {
        EuclideanKMeans(
            of: values, channels: channels, count: entries, iterations: iterations, seed: seed, workers: input.workers)
    }

    /// The clusters of each part, as many as form at most `wanted` words: doubled until they form more, then bisected.
    private func clusters(
        of parts: [ChannelPart], within wanted: Int, _ input: ReductionInput
    ) throws(TokenReelError) -> [EuclideanKMeans] {
        var (count, tooMany) = (1, min(wanted, mostEntries) + 1)
        var fitting = parts.map { cluster($0.values, $0.channels.count, count, input) }
        while tooMany - count > 1 {
            try input.checkCancellation()
            let next = min(2 * count, (count + tooMany) / 2)
            let finer = parts.map { cluster($0.values, $0.channels.count, next, input) }
            if CodeLevels.words(finer.map { $0.labels[...] }).count <= wanted {
                (count, fitting) = (next, finer)
            } else {
                tooMany = next
            }
        }
        return fitting
    }

    private func residual(
        of input: ReductionInput, _ books: [TensorBuffer<Float>], _ codes: [[Int32]]
    ) -> TensorBuffer<Float> {
        let channels = input.channels
        let levels = CodeLevels(books: books, codes: codes, channels: channels)
        return input.grid.values.withUnsafeBufferPointer { values in
            TensorBuffer(count: values.count) { output in
                for block in Rows.blocks(of: values.count / channels, size: 256) {
                    levels.reconstruction(of: block, channels: channels).withUnsafeBufferPointer { sum in
                        let first = block.lowerBound * channels
                        for index in sum.indices { output[first + index] = values[first + index] - sum[index] }
                    }
                }
            }
        }
    }
}

/// Some channels of all tokens, next to each other.
private struct ChannelPart {
    let channels: Range<Int>
    let values: TensorBuffer<Float>

    /// All channels in `count` parts of nearly equal width; fewer parts if there are fewer channels.
    static func parts(_ count: Int, of input: ReductionInput) -> [ChannelPart] {
        let width = input.channels
        return (0..<count).map { $0 * width / count..<($0 + 1) * width / count }.filter { !$0.isEmpty }.map {
            channels in
            let tokens = input.grid.shape.tokenCount
            let values = input.grid.values.withUnsafeBufferPointer { values in
                TensorBuffer<Float>(count: tokens * channels.count) { output in
                    for token in 0..<tokens {
                        for (place, channel) in channels.enumerated() {
                            output[token * channels.count + place] = values[token * width + channel]
                        }
                    }
                }
            }
            return ChannelPart(channels: channels, values: values)
        }
    }

    /// Entries of this part, with zeros for all other channels.
    func widened(_ entries: TensorBuffer<Float>, to width: Int) -> TensorBuffer<Float> {
        let count = entries.count / channels.count
        return entries.withUnsafeBufferPointer { entries in
            TensorBuffer(count: count * width) { output in
                output.initialize(repeating: 0)
                for entry in 0..<count {
                    for (place, channel) in channels.enumerated() {
                        output[entry * width + channel] = entries[entry * channels.count + place]
                    }
                }
            }
        }
    }
}

extension CodeLevels {
    init(books: [TensorBuffer<Float>], codes: [[Int32]], channels: Int, cells: [Int]? = nil) {
        self.init(
            sizes: books.map { $0.count / channels }, codes: codes.flatMap { $0 },
            codebook: TensorBuffer(books.flatMap(\.array)), cells: cells)
    }
}

extension CodebookSize {
    /// How many words are asked for, at least 1 and no more than there are tokens.
    func wordCount(atMost tokens: Int, auto: Int) -> Int {
        switch self {
        case .auto: min(auto, tokens)
        case .fixed(let count): min(max(count, 1), tokens)
        }
    }
}
