internal import TensorOps
internal import TokenCore

/// The stack of pre-norm layers that every tower here is made of.
///
/// For states `x [n, width]`, each layer computes
///
///     x += out(attention(q(ln1 x), k(ln1 x), v(ln1 x)))
///     x += fc2(activation(fc1(ln2 x)))
///
/// Cost of a layer in multiply-adds: `n (4 width^2 + 2 width inner) + 2 n^2 width`.
/// Source: Dosovitskiy et al. 2021; the weights' names are those of transformers' CLIP and SigLIP classes.
struct Transformer: Sendable {
    let configuration: TowerConfiguration
    /// Whether a token sees only those before it.
    let isCausal: Bool
    let layers: [TransformerLayer]

    /// Reads the first `count` layers under a prefix such as `vision_model.`.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration, layers count: Int,
        isCausal: Bool, precision: Precision = .f32
    ) throws(TokenReelError) {
        self.configuration = configuration
        self.isCausal = isCausal
        var layers: [TransformerLayer] = []
        for index in 0..<count {
            layers.append(try TransformerLayer(folder, "\(prefix)encoder.layers.\(index).", configuration, precision))
        }
        self.layers = layers
    }

    /// Runs the layers over the first `tokens` states of a workspace, in place.
    ///
    /// - Parameters:
    ///   - watching: What to tell of the attention of which layers, counted from 0.
    ///   - afterLayer: Called with each layer's index and output.
    /// - Returns: What was asked for of each watched layer.
    @discardableResult func run(
        _ workspace: Workspace, tokens: Int, watching: [Int: Set<AttentionStatistic>] = [:],
        afterLayer: ((Int, MatrixView) -> Void)? = nil
    ) -> [Int: AttentionStatistics] {
        var found: [Int: AttentionStatistics] = [:]
        for (index, layer) in layers.enumerated() {
            found[index] = layer.run(
                workspace, tokens: tokens, isCausal: isCausal, watching: watching[index] ?? [])
            afterLayer?(index, workspace.states(tokens).readOnly)
        }
        return found
    }
}

/// One layer: attention, then a feed-forward layer.
struct TransformerLayer: Sendable {
    private let heads: Int
    private let precision: Precision
    private let activation: Activation
    private let innerWidth: Int
    private let norm1: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let output: Linear
    private let norm2: LayerNorm
    private let expand: Linear
    private let contract: Linear

    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration, _ precision: Precision
    ) throws(TokenReelError) {
        let (width, inner) = (configuration.width, configuration.innerWidth)
        heads = configuration.heads
        self.precision = precision
        activation = configuration.activation
        innerWidth = inner
        norm1 = try LayerNorm(folder, "\(prefix)layer_norm1", configuration)
        query = try Linear(folder, "\(prefix)self_attn.q_proj", width, width, precision)
        key = try Linear(folder, "\(prefix)self_attn.k_proj", width, width, precision)
        value = try Linear(folder, "\(prefix)self_attn.v_proj", width, width, precision)
        output = try Linear(folder, "\(prefix)self_attn.out_proj", width, width, precision)
        norm2 = try LayerNorm(folder, "\(prefix)layer_norm2", configuration)
        expand = try Linear(folder, "\(prefix)mlp.fc1", width, inner, precision)
        contract = try Linear(folder, "\(prefix)mlp.fc2", inner, width, precision)
    }

    func run(
        _ workspace: Workspace, tokens: Int, isCausal: Bool, watching: Set<AttentionStatistic>
    ) -> AttentionStatistics {
        let states = workspace.states(tokens)
        let normed = workspace.normed(tokens)
        norm1.apply(states.readOnly, into: normed)
        // Scaling the queries scales every score, at a fraction of the cost.
        let headWidth = states.columns / heads
        query.apply(
            normed.readOnly, scale: 1 / Float(headWidth).squareRoot(), into: workspace.queries(tokens),
            workspace)
        key.apply(normed.readOnly, into: workspace.keys(tokens), workspace)
        value.apply(normed.readOnly, into: workspace.values(tokens), workspace)
        let statistics = Attention(heads: heads, isCausal: isCausal, precision: precision).run(
            workspace, tokens: tokens, watching: watching)
        output.add(workspace.context(tokens).readOnly, to: states, workspace)

        norm2.apply(states.readOnly, into: normed)
        let inner = workspace.inner(tokens, innerWidth)
        expand.apply(normed.readOnly, activation, into: inner, workspace)
        contract.add(inner.readOnly, to: states, workspace)
        return statistics
    }
}
