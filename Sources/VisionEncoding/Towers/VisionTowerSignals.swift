public import TokenCore

extension VisionTower {
    /// Signals that ``encode(_:signals:)`` can give; which of them depends on the checkpoint and the layers that run.
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
        var signals: Set<Signal> = runningLayers > 0 ? [.valueNorms] : []
        let hasClassToken = vision.embedding.classTokens == 1
        if options.saliency != .none { signals.insert(.saliency) }
        if runsAllLayers, hasHead || hasClassToken { signals.insert(.frameFeatures) }
        if shared != nil { signals.insert(.patchEmbeddings) }
        if objectLayer < runningLayers { signals.insert(.objectSaliency) }
        if runningLayers > 0, hasClassToken { signals.formUnion([.classAttention, .semanticAttention]) }
        return signals
    }

    /// The layers, counted from 0, and the statistic that a signal is read from; nil for what attention does not tell.
    func attentionSource(of signal: Signal) -> (layers: [Int], statistic: AttentionStatistic)? {
        let last = Array(max(0, runningLayers - options.signalLayers)..<runningLayers)
        switch (signal, options.saliency) {
        case (.saliency, .received): return ([saliencyLayer], .received)
        case (.saliency, .classToken): return ([saliencyLayer], .fromFirst)
        case (.objectSaliency, _): return ([objectLayer], .received)
        case (.classAttention, _): return (last, .fromFirst)
        case (.semanticAttention, _): return (last, .valueOfFirst)
        case (.valueNorms, _): return (last, .valueNorm)
        default: return nil
        }
    }

    /// What has to be told of each layer's attention.
    func watchedLayers(for signals: Set<Signal>) -> [Int: Set<AttentionStatistic>] {
        signals.reduce(into: [:]) { watched, signal in
            guard let (layers, statistic) = attentionSource(of: signal) else { return }
            for layer in layers { watched[layer, default: []].insert(statistic) }
        }
    }

    private var runningLayers: Int { vision.transformer.layers.count }

    private var saliencyLayer: Int {
        options.saliencyLayer < 0 ? runningLayers + options.saliencyLayer : options.saliencyLayer
    }

    /// Three eighths of the way up, but never below the first layer.
    private var objectLayer: Int { max((3 * vision.configuration.layers + 4) / 8 - 1, 0) }
}
