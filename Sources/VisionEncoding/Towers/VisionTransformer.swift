internal import TensorOps
internal import TokenCore

/// A vision tower's weights and forward pass, up to the hidden state that is read.
struct VisionTransformer: Sendable {
    let configuration: TowerConfiguration
    let embedding: PatchEmbedding
    private let preNorm: Norm?
    let transformer: Transformer
    /// The norm after the last layer.
    let postNorm: Norm

    /// Reads a tower up to the hidden state `depth`, which is the number of layers that run.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration, depth: Int,
        _ precision: Precision
    ) throws(TokenReelError) {
        self.configuration = configuration
        embedding = try PatchEmbedding(folder, prefix, configuration)
        // The name is misspelt in every published file.
        preNorm =
            configuration.family == .clip ? try Norm(folder, "\(prefix)pre_layrnorm", configuration) : nil
        transformer = try Transformer(
            folder, prefix, configuration, layers: depth, precision: precision)
        postNorm = try Norm(folder, "\(prefix)post_layernorm", configuration)
    }

    /// Tokens of a frame, the class token included.
    var tokens: Int { embedding.tokens }

    /// Computes a frame's states; they stay in the workspace.
    ///
    /// - Parameters:
    ///   - watching: What to tell of the attention of which layers, counted from 0.
    ///   - afterLayer: Called with the index of each hidden state and the state itself, from 0, the input of the first
    ///     layer.
    /// - Returns: What was asked for of each watched layer, the class token included.
    @discardableResult func run(
        _ pixels: UnsafeBufferPointer<Float>, _ workspace: Workspace, watching: [Int: Set<AttentionStatistic>] = [:],
        afterLayer: ((Int, MatrixView) -> Void)? = nil
    ) -> [Int: AttentionStatistics] {
        embedding.embed(pixels, workspace)
        let states = workspace.states(tokens)
        preNorm?.apply(states.readOnly, into: states)
        afterLayer?(0, states.readOnly)
        return transformer.run(workspace, tokens: tokens, reach: { _ in .all }, watching: watching) {
            afterLayer?($0 + 1, $1)
        }
    }
}
