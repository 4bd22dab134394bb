internal import TensorOps
internal import TokenCore

/// One large codebook that is learnt frame by frame and kept in use.
///
/// Source: WavTokenizer (arXiv 2408.16532), derived; see ``OnlineCodebook``. Frames are taken in batches of `batch`
/// tokens for each entry or more; the first starts the codebook by k-means, all of them then update it, `passes` times
/// over. Names come from the finished codebook, or with `causal` each batch is named before the codebook sees anything
/// later, so that codes can be sent on at once. Shapes: codes `[N]`, codebook `[K, D]`. Cost: O(passes N K D).
struct OnlineHasher: TokenHasher {
    static let descriptor = StageDescriptor(
        name: "online", kind: .hash,
        summary: "A codebook learnt batch by batch by moving averages; unused entries are drawn anew.",
        source: "WavTokenizer, arXiv 2408.16532",
        parameters: [
            .real("decay", 0.99, in: 0...0.9999, "Share of the old average that each batch leaves."),
            .real("dead", 2, in: 0...1000, "Tokens for each entry below which it is drawn anew."),
            .whole("batch", 8, in: 1...1000, "Tokens for each entry that make a batch, in whole frames."),
            .whole("passes", 2, in: 1...1000, "How often the video is gone through; once when causal."),
            .flag("causal", false, "Name each batch by the codebook as it stands then."),
            .whole("max-codes", 256, in: 2...65_536, "Entries of an automatic size."),
            .whole("seed", 0, in: 0...Int(Int32.max), "Seed of k-means++ and of drawing anew."),
        ],
        cost: "O(passes T N K D)")

    private let decay: Float
    private let dead: Float
    private let batch: Int
    private let passes: Int
    private let isCausal: Bool
    private let maxCodes: Int
    private let seed: UInt64

    init(_ values: ParameterValues) {
        decay = Float(values.real("decay"))
        dead = Float(values.real("dead"))
        batch = values.whole("batch")
        isCausal = values.flag("causal")
        passes = isCausal ? 1 : values.whole("passes")
        maxCodes = values.whole("max-codes")
        seed = UInt64(values.whole("seed"))
    }

    func hash(
        _ candidates: CandidateTokens, of input: ReductionInput, size: CodebookSize
    ) throws(TokenReelError) -> TokenHash {
        let channels = input.channels
        let wanted = size.wordCount(atMost: candidates.plan.count, auto: maxCodes)
        let cells = input.grid.shape.tokensPerFrame
        let frames = min((wanted * batch + cells - 1) / cells, input.grid.shape.frames)
        let batches = Rows.blocks(of: input.grid.shape.frames, size: frames).map { frames in
            Array(frames.lowerBound * cells..<frames.upperBound * cells)
        }
        var codebook = OnlineCodebook(
            startingFrom: input.grid.values.gathering(batches[0], channels: channels), channels: channels,
            count: wanted, decay: decay, dead: dead, seed: seed, workers: input.workers)
        var labels: [Int32] = []
        for _ in 0..<passes {
            for batch in batches {
                try input.checkCancellation()
                let tokens = input.grid.values.gathering(batch, channels: channels)
                codebook.update(with: tokens, workers: input.workers)
                if isCausal { labels += codebook.codes(of: tokens, workers: input.workers) }
            }
        }
        if !isCausal { labels = codebook.codes(of: input.grid.values, workers: input.workers) }
        let levels = CodeLevels(books: [codebook.entries], codes: [labels], channels: channels)
        return TokenHash(words: labels, levels: levels, of: input, isStreamable: isCausal)
    }
}

extension OnlineHasher: CodebookNaming {
    /// By Euclidean distance.
    func labels(
        of tokens: TensorBuffer<Float>, channels: Int, in entries: TensorBuffer<Float>, workers: Int
    ) -> [Int32] {
        EuclideanKMeans.nearest(tokens, channels: channels, to: entries, workers: workers).labels
    }
}
