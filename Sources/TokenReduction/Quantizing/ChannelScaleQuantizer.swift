internal import TensorOps
internal import TokenCore

/// MergeQuant: one symmetric scale for each channel, clipped where that errs less.
///
/// Source: MergeQuant (arXiv 2503.07654), its static per-channel step; derived from the description, there is no public
/// code, and nothing to fold the scales into ahead of the LLM. With `q = 2^(bits-1) - 1`, `s_d = beta max|x_d| / q`, beta
/// the one of 0.5, 0.55, … 1 with the smallest squared error, `code = round(x / s)` within -q...q. Channels whose scale
/// is more than `outlier` times the median keep 8 bits. Cost: O(11 N D).
struct ChannelScaleQuantizer: TokenQuantizer {
    static let descriptor = QuantizerDescriptor(
        name: "mergequant", summary: "One clipped scale for each channel; outlying channels keep 8 bits.",
        source: "MergeQuant, arXiv 2503.07654",
        parameters: [
            .whole("bits", 4, in: 2...8, "Bits for each number."),
            .real("outlier", 5, in: 1...1e6, "Times the median scale above which a channel keeps 8 bits."),
        ],
        cost: "O(11 N D)", rows: [6], licence: nil)

    private static let wide = 8

    private let bits: Int
    private let outlier: Float

    init(_ values: ParameterValues) {
        bits = values.whole("bits")
        outlier = Float(values.real("outlier"))
    }

    func parts(of tokens: TokenMatrix) -> [String: QuantizedPart] {
        let channels = tokens.channels
        let peaks = tokens.channelPeaks
        let median = peaks.sorted()[channels / 2]
        let isWide = peaks.map { $0 > outlier * median && median > 0 }
        let widths = isWide.map { $0 ? Self.wide : bits }
        let scales = Array(0..<channels).mapParallel(workers: tokens.workers) { channel in
            Self.bestScale(of: tokens, channel: channel, peak: peaks[channel], limit: 1 << (widths[channel] - 1) - 1)
        }
        var codes = BitWriter()
        tokens.values.withUnsafeBufferPointer { values in
            for index in values.indices {
                let width = widths[index % channels]
                let limit = 1 << (width - 1) - 1
                codes.append(Self.code(values[index], scales[index % channels], limit) + limit, bits: width)
            }
        }
        return [
            "codes": .bits(codes.finished), "scales": .singles(scales, shape: [channels]),
            "wide": .bits(BitWriter.packing(isWide)),
        ]
    }

    func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        let channels = stored.channels
        let scales = try stored.numbers("scales", [channels])
        let widths = try stored.flags("wide", count: channels).map { $0 ? Self.wide : bits }
        var codes = try stored.bits("codes", count: stored.count * widths.reduce(0, +))
        return TensorBuffer(count: stored.count * channels) { output in
            for index in output.indices {
                let width = widths[index % channels]
                output[index] = Float(codes.next(width) - (1 << (width - 1) - 1)) * scales[index % channels]
            }
        }
    }

    private static func code(_ value: Float, _ scale: Float, _ limit: Int) -> Int {
        scale > 0 ? Int(min(max((value / scale).rounded(), -Float(limit)), Float(limit))) : 0
    }

    /// Of equal errors the larger scale, which clips less.
    private static func bestScale(of tokens: TokenMatrix, channel: Int, peak: Float, limit: Int) -> Float {
        guard peak > 0 else { return 0 }
        let column = tokens.values.withUnsafeBufferPointer { values in
            stride(from: channel, to: values.count, by: tokens.channels).map { values[$0] }
        }
        var best = (scale: Float(0), error: Double.infinity)
        for step in 0...10 {
            let scale = (1 - 0.05 * Float(step)) * peak / Float(limit)
            let error = column.reduce(0.0) { sum, value in
                let difference = Double(value - Float(code(value, scale, limit)) * scale)
                return sum + difference * difference
            }
            if error < best.error { best = (scale, error) }
        }
        return best.scale
    }
}
