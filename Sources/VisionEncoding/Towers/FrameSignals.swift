/// What a vision tower's attention says about the patches of one frame, before any pooling of the grid.
///
/// Statistics come from one layer, ``VisionTowerOptions/saliencyLayer``, and are gathered head by head: no attention map
/// is ever kept whole. `n` is the number of patches, in raster order; a class token attends, but is not listed.
public struct FrameSignals: Sendable {
    /// `[n]`: the attention that each patch receives, averaged over heads, then over all tokens that attend.
    public let receivedAttention: [Float]
    /// `[n]`: the attention of the class token, averaged over heads; nil without one.
    public let classAttention: [Float]?
    /// `[n, headWidth]`: the keys, averaged over heads.
    public let keyMeans: [Float]
    /// `[n]`: the length of the values, averaged over heads.
    public let valueNorms: [Float]
    /// `[n]`: the attention of SigLIP's probe, averaged over heads; nil without its head, or below the last layer.
    public let probeAttention: [Float]?
    /// One vector for the whole frame, in the space shared with text where there is one; nil below the last layer.
    ///
    /// What SigLIP's head pools, or CLIP's class token after the final norm and, where the file holds it, the projection.
    public let frameFeature: [Float]?
}
