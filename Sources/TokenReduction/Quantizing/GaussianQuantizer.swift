internal import TensorOps
package import TokenCore

/// TokenBridge: every channel standardised, then rounded to the levels that suit a normal distribution.
///
/// Source: TokenBridge (arXiv 2503.16430), `post_training_quantize`. With n = 2^bits, boundaries
/// `b_i = quantile(i / n)` clipped to -3...3 and levels the means of a normal variable between them,
/// `r_i = (density(b_i) - density(b_i+1)) / (cumulative(b_i+1) - cumulative(b_i))`. A standardised number z is scaled by
/// `3 / range`, clipped, and coded as its nearest level, of two as near the lower.
///
/// The paper quantises latents of unit variance; tokens are not, so mean and deviation of each channel are stored.
/// From 4 bits up the wide range errs less, at 2 bits range 3 does. Cost: O(N D bits).
package struct GaussianQuantizer: TokenQuantizer {
    package static let descriptor = QuantizerDescriptor(
        name: "tokenbridge", summary: "Every channel standardised, in levels made for a normal distribution.",
        source: "TokenBridge, arXiv 2503.16430",
        parameters: [
            .whole("bits", 6, in: 1...8, "Bits for each number."),
            .real("range", 5, in: 0.5...20, "Deviations beyond which numbers are clipped."),
        ],
        cost: "O(N D bits)", rows: [76], licence: "MIT")

    private let bits: Int
    private let range: Float
    private let levels: [Float]

    package init(_ values: ParameterValues) {
        bits = values.whole("bits")
        range = Float(values.real("range"))
        levels = Self.levels(bits: bits)
    }

    private static let clip = 3.0

    /// `2^bits` levels, ascending.
    package static func levels(bits: Int) -> [Float] {
        let count = 1 << bits
        let boundaries = (0...count).map { index -> Double in
            switch index {
            case 0: -clip
            case count: clip
            default: min(max(NormalDistribution.quantile(Double(index) / Double(count)), -clip), clip)
            }
        }
        return zip(boundaries, boundaries.dropFirst()).map { low, high in
            Float(
                (NormalDistribution.density(low) - NormalDistribution.density(high))
                    / (NormalDistribution.cumulative(high) - NormalDistribution.cumulative(low)))
        }
    }

    package func parts(of tokens: TokenMatrix) -> [String: QuantizedPart] {
        let channels = tokens.channels
        let (means, deviations) = Self.moments(of: tokens)
        let middles = zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 }
        let scale = Float(Self.clip) / range
        var codes = BitWriter()
        tokens.values.withUnsafeBufferPointer { values in
            for row in 0..<tokens.count {
                for channel in 0..<channels {
                    let deviation = deviations[channel]
                    let number =
                        deviation > 0 ? (values[row * channels + channel] - means[channel]) / deviation * scale : 0
                    codes.append(Self.place(of: number, among: middles), bits: bits)
                }
            }
        }
        return [
            "codes": .bits(codes.finished), "means": .singles(means, shape: [channels]),
            "deviations": .singles(deviations, shape: [channels]),
        ]
    }

    package func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        let channels = stored.channels
        let means = try stored.numbers("means", [channels])
        let deviations = try stored.numbers("deviations", [channels])
        var codes = try stored.bits("codes", count: stored.count * channels * bits)
        let scale = range / Float(Self.clip)
        return TensorBuffer(count: stored.count * channels) { output in
            for index in output.indices {
                let channel = index % channels
                output[index] = levels[codes.next(bits)] * scale * deviations[channel] + means[channel]
            }
        }
    }

    /// How many of the ascending middles lie below a number.
    private static func place(of number: Float, among middles: [Float]) -> Int {
        var low = 0
        var high = middles.count
        while low < high {
            let middle = (low + high) / 2
            if middles[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func moments(of tokens: TokenMatrix) -> (means: [Float], deviations: [Float]) {
        let channels = tokens.channels
        let count = Double(max(tokens.count, 1))
        var means = [Double](repeating: 0, count: channels)
        var squares = means
        tokens.values.withUnsafeBufferPointer { values in
            for index in values.indices { means[index % channels] += Double(values[index]) / count }
            for index in values.indices {
                let difference = Double(values[index]) - means[index % channels]
                squares[index % channels] += difference * difference / count
            }
        }
        return (means.map { Float($0) }, squares.map { Float($0.squareRoot()) })
    }
}
