/// How attention inside a layer ranks the tokens that a propagating method keeps.
///
/// Source: GTP-ViT (WACV 2024, arXiv 2311.03035). Over heads h and queries q, for attention `A[h, q, j]`:
package enum AttentionStandard: String {
    /// `max_h A[h, j, j] * max_h sum_q A[h, q, j]`: what holds on to itself and is looked at.
    case mixedMaximum = "MixedAttnMax"
    /// `mean_h sum_q A[h, q, j]`: what is looked at.
    case receivedMean = "IMGAttnMean"

    /// The scores of the tokens at `left`, from the attention `[heads, n, n]` among them alone.
    package func scores(of left: [Int], attention: [Float], heads: Int, tokens n: Int) -> [Float] {
        precondition(attention.count == heads * n * n, "attention of every head between all tokens")
        return left.map { token in
            let received = (0..<heads).map { head in
                left.reduce(Float(0)) { $0 + attention[(head * n + $1) * n + token] }
            }
            switch self {
            case .receivedMean: return received.reduce(0, +) / Float(heads)
            case .mixedMaximum:
                let own = (0..<heads).map { attention[($0 * n + token) * n + token] }
                return (own.max() ?? 0) * (received.max() ?? 0)
            }
        }
    }
}
