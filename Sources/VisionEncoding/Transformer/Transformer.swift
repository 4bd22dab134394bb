internal import Essentials
internal import TensorOps
internal import TokenCore

/// The stack of pre-norm layers that every tower here is made of.
///
/// For states `x [n, width]`, each layer computes
///
///     x += out(attention(q(norm1 x), k(norm1 x), v(norm1 x)))
///     x += feedForward(norm2 x)
///
/// Cost of a layer in multiply-adds: `n (4 width^2 + 2 width inner) + 2 n^2 width`, half as much again for `inner`
/// where the feed-forward layer is gated, and a window's length instead of one `n` where attention stays in windows.
/// Source: Dosovitskiy et al. 2021.
struct Transformer: Sendable {
    let layers: [TransformerLayer]

    /// Runs the layers over the first `tokens` states of a workspace, in place.
    ///
    /// - Parameters:
    ///   - reach: Who attends to whom in which layer, counted from 0.
    ///   - rotation: Where tokens lie, for towers whose attention sees it.
    ///   - watching: What to tell of the attention of which layers.
    ///   - afterLayer: Called with each layer's index and output.
    /// - Returns: What was asked for of each watched layer.
    @discardableResult func run(
        _ workspace: Workspace, tokens: Int, reach: (Int) -> AttentionReach, rotation: RotaryTable? = nil,
        watching: [Int: Set<AttentionStatistic>] = [:], afterLayer: ((Int, MatrixView) -> Void)? = nil
    ) -> [Int: AttentionStatistics] {
        var found: [Int: AttentionStatistics] = [:]
        for (index, layer) in layers.enumerated() {
            found[index] = layer.run(
                workspace, tokens: tokens, reach: reach(index), rotation: rotation, watching: watching[index] ?? [])
            afterLayer?(index, workspace.states(tokens).readOnly)
        }
        return found
    }
}

extension Transformer {
    /// Reads layers on all processors, since widening and laying out large weights takes seconds.
    static func layers(
        _ count: Int, _ read: @Sendable (Int) throws(TokenReelError) -> TransformerLayer
    ) throws(TokenReelError) -> [TransformerLayer] {
        try Parallel.map(count: count, workers: ProcessInfo.processInfo.activeProcessorCount, read)
    }

    /// Reads the first `count` layers under a prefix such as `vision_model.`, by the names of transformers' CLIP and
    /// SigLIP classes.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration, layers count: Int,
        precision: Precision? = nil
    ) throws(TokenReelError) {
        let (width, inner) = (configuration.width, configuration.innerWidth)
        layers = try Self.layers(count) { (index) throws(TokenReelError) in
            let prefix = "\(prefix)encoder.layers.\(index)."
            return TransformerLayer(
                heads: configuration.heads,
                norm1: try Norm(folder, "\(prefix)layer_norm1", configuration),
                query: try Linear(folder, "\(prefix)self_attn.q_proj", width, width, precision),
                key: try Linear(folder, "\(prefix)self_attn.k_proj", width, width, precision),
                value: try Linear(folder, "\(prefix)self_attn.v_proj", width, width, precision),
                output: try Linear(folder, "\(prefix)self_attn.out_proj", width, width, precision),
                norm2: try Norm(folder, "\(prefix)layer_norm2", configuration),
                feedForward: try FeedForward(
                    folder, "\(prefix)mlp.fc1", "\(prefix)mlp.fc2", width: width, inner: inner,
                    configuration.activation, precision))
        }
    }
}

/// One layer: attention, then a feed-forward layer.
struct TransformerLayer: Sendable {
    let heads: Int
    let norm1: Norm
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    let norm2: Norm
    let feedForward: FeedForward

    func run(
        _ workspace: Workspace, tokens: Int, reach: AttentionReach, rotation: RotaryTable?,
        watching: Set<AttentionStatistic>
    ) -> AttentionStatistics {
        let states = workspace.states(tokens)
        let normed = workspace.normed(tokens)
        norm1.apply(states.readOnly, into: normed, workspace)
        // Scaling the queries scales every score, at a fraction of the cost.
        let headWidth = states.columns / heads
        query.apply(
            normed.readOnly, scale: 1 / Float(headWidth).squareRoot(), into: workspace.queries(tokens),
            workspace)
        key.apply(normed.readOnly, into: workspace.keys(tokens), workspace)
        value.apply(normed.readOnly, into: workspace.values(tokens), workspace)
        if let rotation {
            rotation.rotate(workspace.queries(tokens), heads: heads, workspace)
            rotation.rotate(workspace.keys(tokens), heads: heads, workspace)
        }
        let statistics = Attention(heads: heads, reach: reach).run(
            workspace, tokens: tokens, watching: watching)
        output.add(workspace.context(tokens).readOnly, to: states, workspace)

        norm2.apply(states.readOnly, into: normed, workspace)
        feedForward.add(normed.readOnly, to: states, workspace)
        return statistics
    }
}
