/// The sizes of a language model that decide what reading visual tokens costs it.
public struct LanguageModel: Sendable, Equatable {
    /// How users name it, such as `7b`.
    public let name: String
    /// Decoder layers.
    public let layers: Int
    /// Numbers of one hidden state.
    public let width: Int
    /// Numbers between the two products of a feed-forward layer.
    public let feedForwardWidth: Int
    /// Attention heads that ask.
    public let heads: Int
    /// Attention heads that answer, shared by those that ask.
    public let keyValueHeads: Int

    /// The sizes of Qwen2, the language model of LLaVA-OneVision and of Qwen2-VL.
    public static let qwen2 = [
        LanguageModel(name: "0.5b", layers: 24, width: 896, feedForwardWidth: 4864, heads: 14, keyValueHeads: 2),
        LanguageModel(name: "7b", layers: 28, width: 3584, feedForwardWidth: 18944, heads: 28, keyValueHeads: 4),
        LanguageModel(name: "72b", layers: 80, width: 8192, feedForwardWidth: 29568, heads: 64, keyValueHeads: 8),
    ]

    /// How papers count the operations of prefill; the two differ, so a figure without its formula says little.
    public enum PrefillFormula: String, Sendable, CaseIterable {
        /// HoliTom, arXiv 2505.21334: `layers * (4 n d^2 + 2 n^2 d + 2 n d m)`.
        case holitom
        /// FastVID, arXiv 2503.11187: `layers * (2 n d^2 (1 + kv / h) + 2 n^2 d + 3 n d m)`, which knows shared heads and
        /// the gate of the feed-forward layer.
        case fastvid
    }

    /// Operations that reading `tokens` visual tokens takes before the first word is written.
    public func prefillFLOPs(_ tokens: Int, by formula: PrefillFormula) -> Double {
        let (n, d, m) = (Double(tokens), Double(width), Double(feedForwardWidth))
        let layer =
            switch formula {
            case .holitom: 4 * n * d * d + 2 * n * n * d + 2 * n * d * m
            case .fastvid:
                2 * n * d * d * (1 + Double(keyValueHeads) / Double(heads)) + 2 * n * n * d + 3 * n * d * m
            }
        return Double(layers) * layer
    }
}
