public import TokenCore

extension VisionTower {
    /// Signals that ``encode(_:signals:)`` can give; which of them depends on the checkpoint
    /// and the layers that run.
    ///
    /// | signal | what it is here | where |
    /// |---|---|---|
    /// | saliency | what ``VisionTowerOptions/saliency`` says | unless that is `none` |
    /// | frame features | what SigLIP's head pools, or CLIP's class token, projected if it can be | last layer |
    /// | patch embeddings | the patches' states in the space shared with text | both towers |
    /// | object saliency | attention received in the layer at 3/8 of the depth, HiPrune's ninth of 24 | that deep |
    /// | class attention | attention of the class token, averaged over heads | CLIP |
    /// | semantic attention | softmax over all tokens of `v_class . v_j`, averaged over heads | CLIP |
    /// | value norms | sum of magnitudes of the value averaged over heads | any |
    ///
    /// The last three are told of each of the last ``VisionTowerOptions/signalLayers`` layers that run. The class token
    /// attends and takes its share, but is not listed, and nothing is normalised again without it. Where tokens are pooled,
    /// so are their signals. Sources: HiPrune and FlowCut, as their code computes them.
    public var signals: Set<Signal> {
        var signals: Set<Signal> = reading.running > 0 ? [.valueNorms] : []
        let hasClassToken = vision.embedding.classTokens == 1
        if options.saliency != .none { signals.insert(.saliency) }
        if runsAllLayers, hasHead || hasClassToken { signals.insert(.frameFeatures) }
        if shared != nil { signals.insert(.patchEmbeddings) }
        if reading.reachesObjectLayer { signals.insert(.objectSaliency) }
        if reading.running > 0, hasClassToken { signals.formUnion([.classAttention, .semanticAttention]) }
        return signals
    }

    /// What is read from attention.
    var reading: AttentionReading {
        AttentionReading(
            options: options, running: vision.transformer.layers.count, layers: vision.configuration.layers)
    }
}
