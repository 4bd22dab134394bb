internal import TensorOps
internal import TokenCore

/// xKV: the tokens as few coefficients on a common basis.
///
/// Source: xKV (arXiv 2503.18893), whose decomposition of stacked layers is used on the one matrix there is ahead of the
/// LLM: `X - mean = U S V^T`, of which the `rank` largest terms `U_r S_r [N, r]` and `V_r [r, D]` are stored in half
/// precision. Saves space while `rank < N D / (N + D)`; the report gives the bits. Cost: O(N D rank) a step.
struct LowRankQuantizer: TokenQuantizer {
    static let descriptor = QuantizerDescriptor(
        name: "xkv", summary: "Few coefficients for each token on a basis common to all.",
        source: "xKV, arXiv 2503.18893",
        parameters: [.whole("rank", 64, in: 1...512, "Coefficients of each token.")],
        cost: "O(N D rank) a step", rows: [16], licence: "Apache-2.0")

    private let rank: Int

    init(_ values: ParameterValues) { rank = values.whole("rank") }

    func parts(of tokens: TokenMatrix) -> [String: QuantizedPart] {
        let (count, channels) = (tokens.count, tokens.channels)
        let basis = PrincipalComponents(of: tokens.values, channels: channels, count: rank)
        let coefficients = basis.coefficients(of: tokens.values)
        // Half precision ends at 65504, so each coefficient is stored as a share of the largest of its kind.
        var peaks = [Float](repeating: 0, count: basis.count)
        for (index, value) in coefficients.enumerated() {
            peaks[index % basis.count] = max(peaks[index % basis.count], abs(value))
        }
        let shares = coefficients.enumerated().map { index, value in
            peaks[index % basis.count] > 0 ? value / peaks[index % basis.count] : 0
        }
        return [
            "mean": .singles(basis.mean, shape: [channels]), "peaks": .singles(peaks, shape: [basis.count]),
            "coefficients": .rounded(shares, shape: [count, basis.count]),
            "basis": .rounded(basis.axes, shape: [basis.count, channels]),
        ]
    }

    func values(of stored: StoredParts) throws(TokenReelError) -> TensorBuffer<Float> {
        let (count, channels) = (stored.count, stored.channels)
        let terms = min(rank, count, channels)
        let mean = try stored.numbers("mean", [channels])
        let peaks = try stored.numbers("peaks", [terms])
        let basis = try stored.numbers("basis", [terms, channels])
        let shares = try stored.numbers("coefficients", [count, terms])
        let coefficients = shares.enumerated().map { $1 * peaks[$0 % max(terms, 1)] }
        return TensorBuffer(count: count * channels) { output in
            for row in 0..<count {
                for channel in 0..<channels { output[row * channels + channel] = mean[channel] }
            }
            basis.withUnsafeBufferPointer { basis in
                for (index, coefficient) in coefficients.enumerated() {
                    let (row, term) = index.quotientAndRemainder(dividingBy: terms)
                    Rows.add(
                        UnsafeBufferPointer(rebasing: basis[term * channels..<(term + 1) * channels]),
                        scale: coefficient,
                        to: UnsafeMutableBufferPointer(rebasing: output[row * channels..<(row + 1) * channels]))
                }
            }
        }
    }
}
