internal import TensorOps
internal import TokenCore

/// The versions of Qwen-VL whose towers are known.
enum QwenVersion: Sendable {
    /// Window attention in most layers, RMSNorm, gated feed-forward layers.
    case qwen2_5
    /// A table of positions, layer norm, DeepStack.
    case qwen3

    /// The name in token files.
    var family: String { self == .qwen2_5 ? "qwen2.5-vl" : "qwen3-vl" }
}

/// The numbers of a Qwen-VL vision tower.
struct QwenConfiguration: Sendable, Equatable {
    let version: QwenVersion
    /// Numbers of one state.
    let width: Int
    /// Numbers between the products of a feed-forward layer.
    let innerWidth: Int
    let layers: Int
    let heads: Int
    let activation: Activation
    /// Pixels along one side of a patch.
    let patchSide: Int
    /// Frames that one patch covers.
    let framesPerPatch: Int
    /// Patches along one side of the block that becomes one token.
    let mergeSide: Int
    /// Numbers of a token: the language model's width.
    let outputs: Int
    /// Layers, from 0, that see all of a temporal group; the others see a window, if there are windows.
    let wholeLayers: Set<Int>
    /// Blocks along one side of a window; 0 without windows.
    let windowSide: Int
    /// Positions along one side of the table of position embeddings; 0 without one.
    let positionsPerSide: Int
    /// Layers, from 0, whose output becomes a further stream of vectors.
    let deepstackLayers: [Int]
    /// Steps of the language model's temporal position in a second; Qwen2.5-VL's.
    let tokensPerSecond: Int?
    /// The base of the rotary angles.
    let rotaryBase: Float

    /// What every published tower normalises with; the files do not say.
    static let epsilon: Float = 1e-6

    /// Numbers of one head.
    var headWidth: Int { width / heads }
    /// Pixels along one side of a token.
    var tokenSide: Int { patchSide * mergeSide }
    /// Numbers of one patch: three colours of its pixels in all its frames.
    var patchInputs: Int { 3 * framesPerPatch * patchSide * patchSide }

    /// Fills in what the file leaves out, and refuses what can't be computed.
    init(_ raw: RawQwenTower, _ version: QwenVersion, in path: String) throws(TokenReelError) {
        let part = ConfigurationReading(name: "\(path), vision_config")
        self.version = version
        let isThird = version == .qwen3
        let width = try part.positive(raw.hiddenSize, isThird ? 1152 : 3584, "hidden_size")
        let layers = try part.positive(raw.depth ?? raw.numHiddenLayers, isThird ? 27 : 32, "depth")
        heads = try part.positive(raw.numHeads ?? raw.numAttentionHeads, 16, "num_heads")
        (self.width, self.layers) = (width, layers)
        innerWidth = try part.positive(raw.intermediateSize, isThird ? 4304 : 3420, "intermediate_size")
        guard width.isMultiple(of: 4 * heads) else {
            throw part.unsupported("hidden_size \(width) for num_heads \(heads)", "heads of a multiple of 4 numbers")
        }
        guard raw.inChannels ?? 3 == 3 else { throw part.unsupported("in_channels \(raw.inChannels ?? 3)", "3") }
        activation = try Activation(configured: raw.hiddenAct ?? (isThird ? "gelu_pytorch_tanh" : "silu"), in: path)
        patchSide = try part.positive(raw.patchSize, isThird ? 16 : 14, "patch_size", to: 256)
        framesPerPatch = try part.positive(raw.temporalPatchSize, 2, "temporal_patch_size", to: 64)
        mergeSide = try part.positive(raw.spatialMergeSize, 2, "spatial_merge_size", to: 16)
        outputs = try part.positive(raw.outHiddenSize, 3584, "out_hidden_size")
        rotaryBase = Float(raw.ropeParameters?.ropeTheta ?? 10000)
        guard rotaryBase > 1, rotaryBase.isFinite else { throw part.unsupported("rope_theta \(rotaryBase)", "above 1") }
        func indices(_ list: [Int], _ key: String) throws(TokenReelError) -> [Int] {
            guard zip(list, list.dropFirst()).allSatisfy(<), list.allSatisfy({ 0..<layers ~= $0 }) else {
                throw part.unsupported("\(key) \(list)", "ascending layers, 0 to \(layers - 1)")
            }
            return list
        }
        switch version {
        case .qwen2_5:
            wholeLayers = Set(try indices(raw.fullattBlockIndexes ?? [7, 15, 23, 31], "fullatt_block_indexes"))
            let window = try part.positive(raw.windowSize, 112, "window_size")
            windowSide = window / mergeSide / patchSide
            guard windowSide >= 1 else {
                throw part.unsupported("window_size \(window)", "\(mergeSide * patchSide) or more")
            }
            tokensPerSecond = try part.positive(raw.tokensPerSecond, 4, "tokens_per_second")
            (positionsPerSide, deepstackLayers) = (0, [])
        case .qwen3:
            (wholeLayers, windowSide, tokensPerSecond) = ([], 0, nil)
            let positions = try part.positive(raw.numPositionEmbeddings, 2304, "num_position_embeddings")
            positionsPerSide = Int(Double(positions).squareRoot())
            guard positionsPerSide * positionsPerSide == positions else {
                throw part.unsupported("num_position_embeddings \(positions)", "a square number")
            }
            deepstackLayers = try indices(raw.deepstackVisualIndexes ?? [8, 16, 24], "deepstack_visual_indexes")
        }
    }
}

/// A tower's members as written; of those with two names, published files and transformers each use one.
struct RawQwenTower: Decodable {
    struct Rotary: Decodable {
        var ropeTheta: Double?
    }
    var depth: Int?
    var numHiddenLayers: Int?
    var hiddenSize: Int?
    var hiddenAct: String?
    var intermediateSize: Int?
    var numHeads: Int?
    var numAttentionHeads: Int?
    var inChannels: Int?
    var patchSize: Int?
    var temporalPatchSize: Int?
    var spatialMergeSize: Int?
    var outHiddenSize: Int?
    var windowSize: Int?
    var fullattBlockIndexes: [Int]?
    var tokensPerSecond: Int?
    var numPositionEmbeddings: Int?
    var deepstackVisualIndexes: [Int]?
    var ropeParameters: Rotary?
}
