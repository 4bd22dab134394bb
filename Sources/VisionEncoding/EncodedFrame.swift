public import TokenCore

/// What an encoder makes of one frame: its tokens, and of the signals those that were asked for.
public struct EncodedFrame: Sendable {
    /// `[rows, columns, channels]`, row-major.
    public var tokens: [Float]
    /// `[rows, columns]`: how much attention each token receives.
    public var saliency: [Float]?
    /// One vector for the whole frame.
    public var frameFeature: [Float]?
    /// `[rows, columns, E]`: each token in a space shared with text.
    public var patchEmbeddings: [Float]?
    /// Of each of ``Signal/maps``, `[rows, columns]` for every layer, from shallow to deep.
    public var maps: [Signal: [[Float]]]
    /// Of each further stream, `[rows, columns, channels]`: see ``TokenGrid/deepstack``.
    public var deepstack: [[Float]]

    /// Puts the parts together.
    public init(
        tokens: [Float], saliency: [Float]? = nil, frameFeature: [Float]? = nil, patchEmbeddings: [Float]? = nil,
        maps: [Signal: [[Float]]] = [:], deepstack: [[Float]] = []
    ) {
        self.tokens = tokens
        self.saliency = saliency
        self.frameFeature = frameFeature
        self.patchEmbeddings = patchEmbeddings
        self.maps = maps
        self.deepstack = deepstack
    }
}
