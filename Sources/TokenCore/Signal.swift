/// Something that a method may read besides the tokens.
public enum Signal: String, Sendable, Hashable, CaseIterable {
    /// ``TokenGrid/saliency``: how much attention each token receives.
    case saliency
    /// ``TokenGrid/frameFeatures``: one vector for each frame.
    case frameFeatures = "frame-features"
    /// A ``Query``.
    case query
    /// ``TokenGrid/patchEmbeddings``: the tokens in a space shared with text.
    case patchEmbeddings = "patch-embeddings"
    /// A map: the attention that each token receives in a layer where objects stand out, about the middle of the tower.
    case objectSaliency = "object-saliency"
    /// A map: the attention of the class token to each token, of one layer or of several.
    case classAttention = "class-attention"
    /// A map: how close each token's value is to the class token's, as a share of its frame; of as many layers.
    case semanticAttention = "semantic-attention"
    /// A map: the sum of the magnitudes of each token's values, averaged over heads; of as many layers.
    case valueNorms = "value-norms"
    /// A map: how much the pixels under each token changed since the frame before, in units of the normalised picture.
    case pixelChange = "pixel-change"

    /// Signals that are a number for every token, kept in ``TokenGrid/maps``.
    public static let maps: [Signal] = [
        .objectSaliency, .classAttention, .semanticAttention, .valueNorms, .pixelChange,
    ]

    /// The name of its tensor in a file, such as `frame_features`.
    public var tensorName: String { String(rawValue.map { $0 == "-" ? "_" : $0 }) }
}

/// A number for every token, of one layer of a model or of several.
public struct TokenMap: Sendable, Equatable {
    /// How many layers, from shallow to deep.
    public let layers: Int
    /// `[layers, frames, rows, columns]`.
    public let values: [Float]

    /// Puts a map together; ``TokenGrid`` checks its size.
    public init(layers: Int = 1, values: [Float]) {
        self.layers = layers
        self.values = values
    }
}
