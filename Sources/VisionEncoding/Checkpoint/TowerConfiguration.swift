internal import TensorOps
internal import TokenCore

/// What two families of towers do differently beyond their numbers.
enum TowerFamily: Sendable {
    /// A class token, a norm before the layers; in text a causal mask and the end token's state.
    case clip
    /// No class token, an attention-pooling head; in text every position sees every other and the last one's state.
    case siglip
}

/// The numbers of one tower.
struct TowerConfiguration: Sendable, Equatable {
    let family: TowerFamily
    /// Numbers of one state.
    let width: Int
    /// Numbers between the two products of a feed-forward layer.
    let innerWidth: Int
    let layers: Int
    let heads: Int
    let activation: Activation
    let epsilon: Float
    /// Pixels along one side of the square input; 0 for text.
    let imageSide: Int
    /// Pixels along one side of a patch; 0 for text.
    let patchSide: Int
    /// Whether the file holds SigLIP's attention-pooling head.
    let hasHead: Bool
    /// Tokens a text tower knows; 0 for vision.
    let vocabulary: Int
    /// Tokens of the longest text; 0 for vision.
    let contextLength: Int
    /// The token at which CLIP reads a text's embedding.
    let endToken: Int

    /// Patches along one side; pixels that do not fill one are unused, as with 384 pixels of 14.
    var patchesPerSide: Int { patchSide > 0 ? imageSide / patchSide : 0 }
    /// Numbers of one head.
    var headWidth: Int { width / heads }

    /// Fills in what the file leaves out, and refuses what can't be computed.
    init(_ raw: RawTower, defaults: TowerDefaults, in path: String) throws(TokenReelError) {
        let part = ConfigurationReading(name: path)
        family = defaults.family
        width = try part.positive(raw.hiddenSize, defaults.width, "hidden_size")
        innerWidth = try part.positive(raw.intermediateSize, defaults.innerWidth, "intermediate_size")
        layers = try part.positive(raw.numHiddenLayers, defaults.layers, "num_hidden_layers")
        heads = try part.positive(raw.numAttentionHeads, defaults.heads, "num_attention_heads")
        guard width.isMultiple(of: heads) else {
            throw part.unsupported(
                "hidden_size \(width) for num_attention_heads \(heads)", "a multiple of the number of heads")
        }
        activation = try Activation(configured: raw.hiddenAct ?? defaults.activation, in: path)
        epsilon = Float(raw.layerNormEps ?? defaults.epsilon)
        guard epsilon > 0, epsilon < 1 else {
            throw part.unsupported("layer_norm_eps \(epsilon)", "above 0 and below 1")
        }
        hasHead = defaults.family == .siglip && defaults.isVision && raw.visionUseHead ?? defaults.hasHead
        if defaults.isVision {
            imageSide = try part.positive(raw.imageSize, defaults.imageSide, "image_size")
            patchSide = try part.positive(raw.patchSize, defaults.patchSide, "patch_size")
            guard patchSide <= imageSide, imageSide <= 4096, imageSide / patchSide <= 256 else {
                throw part.unsupported(
                    "patch_size \(patchSide) for image_size \(imageSide)",
                    "1 to 256 patches along a side of at most 4096 pixels")
            }
            guard raw.numChannels ?? 3 == 3 else {
                throw part.unsupported("num_channels \(raw.numChannels ?? 3)", "3")
            }
            (vocabulary, contextLength, endToken) = (0, 0, 0)
        } else {
            (imageSide, patchSide) = (0, 0)
            vocabulary = try part.positive(raw.vocabSize, defaults.vocabulary, "vocab_size")
            contextLength = try part.positive(
                raw.maxPositionEmbeddings, defaults.contextLength, "max_position_embeddings")
            endToken = raw.eosTokenId ?? defaults.endToken
        }
    }
}

/// Class defaults of transformers' configuration classes, which published files rely on.
struct TowerDefaults: Sendable {
    let family: TowerFamily
    let isVision: Bool
    let width: Int
    let innerWidth: Int
    let layers: Int
    let heads: Int
    let activation: String
    let epsilon: Double
    var imageSide = 0
    var patchSide = 0
    var hasHead = false
    var vocabulary = 0
    var contextLength = 0
    var endToken = 0

    static let clipVision = TowerDefaults(
        family: .clip, isVision: true, width: 768, innerWidth: 3072, layers: 12, heads: 12, activation: "quick_gelu",
        epsilon: 1e-5, imageSide: 224, patchSide: 32)
    static let clipText = TowerDefaults(
        family: .clip, isVision: false, width: 512, innerWidth: 2048, layers: 12, heads: 8, activation: "quick_gelu",
        epsilon: 1e-5, vocabulary: 49408, contextLength: 77, endToken: 49407)
    static let siglipVision = TowerDefaults(
        family: .siglip, isVision: true, width: 768, innerWidth: 3072, layers: 12, heads: 12,
        activation: "gelu_pytorch_tanh", epsilon: 1e-6, imageSide: 224, patchSide: 16, hasHead: true)
    static let siglipText = TowerDefaults(
        family: .siglip, isVision: false, width: 768, innerWidth: 3072, layers: 12, heads: 12,
        activation: "gelu_pytorch_tanh", epsilon: 1e-6, vocabulary: 32000, contextLength: 64)
    static let llavaOneVisionVision = TowerDefaults(
        family: .siglip, isVision: true, width: 1152, innerWidth: 4304, layers: 26, heads: 16,
        activation: "gelu_pytorch_tanh", epsilon: 1e-6, imageSide: 384, patchSide: 14)
}

extension Activation {
    /// The function that a `hidden_act` names.
    init(configured name: String, in path: String) throws(TokenReelError) {
        switch name {
        case "gelu": self = .gelu
        case "gelu_pytorch_tanh": self = .geluTanh
        case "quick_gelu": self = .quickGELU
        case "silu": self = .silu
        default:
            throw TokenReelError(
                .unsupportedInput, subject: path, found: "activation \"\(name)\"",
                allowed: "gelu, gelu_pytorch_tanh, quick_gelu, silu")
        }
    }
}
