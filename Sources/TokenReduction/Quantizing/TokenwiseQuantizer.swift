internal import TensorOps
internal import TokenCore

/// ZipCache: channels evened out, then each token in steps of its own, in more bits where it matters more.
///
/// Source: ZipCache (arXiv 2405.14256), `true_channel_separate_mixedprec_tokenwise_compress`:
/// `c_d = sqrt(max|x_d|)`, `y = x / c`; for each token `step = (max y - min y) / (2^b - 1)`,
/// `code = round((y - min) / step)`, `x' = (code step + min) c`. The share `salient` of the tokens gets `bits`, the others
/// `low`.
///
/// The paper measures saliency by the attention of later queries to each cached token. Ahead of the LLM importance is
/// the relevance to the question, else the grid's saliency, else how many source tokens a token stands for.
/// Cost: O(N D).
struct TokenwiseQuantizer: TokenQuantizer {
    static let descriptor = QuantizerDescriptor(
        name: "zipcache", summary: "Steps of its own for each token, more bits for those that matter more.",
        source: "ZipCache, arXiv 2405.14256",
        parameters: [
            .whole("bits", 4, in: 1...8, "Bits for the numbers of important tokens."),
            .whole("low", 2, in: 1...8, "Bits for the numbers of the others."),
            .real("salient", 0.6, in: 0...1, "Share of the tokens that is important."),
        ],
        cost: "O(N D)", rows: [89], licence: "MIT")

    private let bits: Int
    private let low: Int
    private let salient: Double

    init(_ values: ParameterValues) {
        bits = values.whole("bits")
        low = values.whole("low")
        salient = values.real("salient")
    }

    func parts(of tokens: TokenMatrix) -> [String: QuantizedPart] {
        let channels = tokens.channels
        let scales = tokens.channelPeaks.map { $0 > 0 ? $0.squareRoot() : 1 }
        let isSalient = tokens.isSalient(share: salient)
        var (minima, steps): ([Float], [Float]) = ([], [])
        var codes = BitWriter()
        for row in 0..<tokens.count {
            let even = tokens.values.withRows(row..<row + 1, channels: channels) { token in
                zip(token, scales).map { $0 / $1 }
            }
            let width = isSalient[row] ? bits : low
            let range = UniformRange(of: even, bits: width)
            for value in even { codes.append(range.code(value), bits: width) }
            minima.append(range.minimum)
            steps.append(range.step)
        }
        return [
            "codes": .bits(codes.finished), "scales": .singles(scales, shape: [channels]),
            "minima": .singles(minima, shape: [tokens.count]), "steps": .singles(steps, shape: [tokens.count]),
            "salient": .bits(BitWriter.packing(isSalient)),
        ]
    }

    func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        let channels = stored.channels
        let scales = try stored.numbers("scales", [channels])
        let minima = try stored.numbers("minima", [stored.count])
        let steps = try stored.numbers("steps", [stored.count])
        let widths = try stored.flags("salient", count: stored.count).map { $0 ? bits : low }
        var codes = try stored.bits("codes", count: widths.reduce(0, +) * channels)
        return TensorBuffer(count: stored.count * channels) { output in
            for index in output.indices {
                let (row, channel) = index.quotientAndRemainder(dividingBy: channels)
                output[index] = (Float(codes.next(widths[row])) * steps[row] + minima[row]) * scales[channel]
            }
        }
    }
}

/// Even steps from the smallest number of a group to its largest.
struct UniformRange {
    let minimum: Float
    let step: Float
    private let largest: Float

    /// - Precondition: `numbers` is not empty.
    init(of numbers: some Sequence<Float>, bits: Int) {
        let (low, high) = numbers.reduce((Float.infinity, -Float.infinity)) { (min($0.0, $1), max($0.1, $1)) }
        self.init(minimum: low, step: (high - low) / Float(1 << bits - 1), bits: bits)
    }

    init(minimum: Float, step: Float, bits: Int) {
        self.minimum = minimum
        self.step = step
        largest = Float(1 << bits - 1)
    }

    /// Numbers of a group that are all equal have code 0.
    func code(_ value: Float) -> Int {
        step > 0 ? Int(min(max(((value - minimum) / step).rounded(), 0), largest)) : 0
    }
}
