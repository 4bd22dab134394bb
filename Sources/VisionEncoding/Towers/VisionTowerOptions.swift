/// Which of a model's vectors are the tokens.
public enum FeatureSpace: String, Sendable, CaseIterable {
    /// The vision tower's own states, one for each patch.
    case tower
    /// The same brought to the language side: LLaVA's projector, Qwen-VL's merger of blocks of patches, or the space
    /// that CLIP and SigLIP share with text.
    case projected
    /// LLaVA-OneVision's projected tokens sampled down to half the rows and columns, as its language model reads video.
    case pooled
}

/// What the saliency of a patch is.
public enum SaliencySource: String, Sendable, CaseIterable {
    /// None is computed.
    case none
    /// The attention that a patch receives, averaged over heads, then over all tokens that attend; what HoliTom reads.
    case received
    /// The attention that CLIP's class token pays to a patch, averaged over heads.
    case classToken = "class"
    /// The attention that the probe of SigLIP's pooling head pays to a patch, averaged over heads.
    case probe
}

/// What a ``VisionTower`` or ``QwenTower`` reads from its model.
public struct VisionTowerOptions: Sendable {
    /// The tokens' space; nil for what the model itself uses: ``FeatureSpace/pooled`` for LLaVA-OneVision,
    /// ``FeatureSpace/projected`` for Qwen-VL, else ``FeatureSpace/tower``.
    public var space: FeatureSpace?
    /// The hidden state to read: 0 is the input of the first layer, `n` the output of layer `n`, -1 that of the last.
    ///
    /// Counted as transformers counts `hidden_states`, so for CLIP and SigLIP -1 lacks the final norm. Nil takes what
    /// the model itself uses: `vision_feature_layer` of LLaVA, `last_hidden_state` of the others.
    public var layer: Int?
    /// Where saliency comes from.
    public var saliency = SaliencySource.received
    /// The layer whose attention is measured, from 0, or negative from the last one that runs.
    public var saliencyLayer = -1
    /// How many layers give class attention, semantic attention and value norms, back from the last one that runs.
    public var signalLayers = 8
    /// Whether to squeeze whole frames into the model's square where its image processor would cut out their middle.
    public var showsWholeFrame = false
    /// The fewest pixels that a Qwen-VL model's frames are brought to, in place of its processor's
    /// `size.shortest_edge`; see ``PixelBudget``.
    public var leastPixels: Int?
    /// The most pixels, in place of its processor's `size.longest_edge`.
    public var mostPixels: Int?
    /// What products are computed in; without the instructions for bf16, f32, of which ``VisionTower/notices`` tell.
    public var precision = Precision.f32

    /// The model's own space and layer, with saliency from the attention that patches receive in the last layer.
    public init() {}
}
