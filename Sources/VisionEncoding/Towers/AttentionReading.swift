internal import TokenCore

/// Which signals are read from the attention of which layers.
struct AttentionReading: Sendable {
    let options: VisionTowerOptions
    /// Layers that run.
    let running: Int
    /// Layers that the model has.
    let layers: Int

    /// The layers, counted from 0, and the statistic that a signal is read from; nil for what attention does not tell.
    func source(of signal: Signal) -> (layers: [Int], statistic: AttentionStatistic)? {
        let last = Array(max(0, running - options.signalLayers)..<running)
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
    func watched(for signals: Set<Signal>) -> [Int: Set<AttentionStatistic>] {
        signals.reduce(into: [:]) { watched, signal in
            guard let (layers, statistic) = source(of: signal) else { return }
            for layer in layers { watched[layer, default: []].insert(statistic) }
        }
    }

    /// Puts what was told where it belongs.
    ///
    /// - Parameter onTokens: Makes of a number for each state one for each token.
    func fill(
        _ frame: inout EncodedFrame, with attention: [Int: AttentionStatistics], _ signals: Set<Signal>,
        onTokens: ([Float]) -> [Float]
    ) {
        for signal in signals {
            guard let (layers, statistic) = source(of: signal) else { continue }
            let maps = layers.map { onTokens(attention[$0]?[statistic] ?? []) }
            if signal == .saliency { frame.saliency = maps.first } else { frame.maps[signal] = maps }
        }
    }

    private var saliencyLayer: Int {
        options.saliencyLayer < 0 ? running + options.saliencyLayer : options.saliencyLayer
    }

    /// Three eighths of the way up, but never below the first layer.
    private var objectLayer: Int { max((3 * layers + 4) / 8 - 1, 0) }

    /// Whether the layer of object saliency runs.
    var reachesObjectLayer: Bool { objectLayer < running }

    /// Refuses layers that do not run.
    func check() throws(TokenReelError) {
        guard options.signalLayers >= 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "signal layers", found: "\(options.signalLayers)", allowed: "1 or more")
        }
        guard options.saliency == .none || -running..<running ~= options.saliencyLayer else {
            throw TokenReelError(
                .invalidArgument, subject: "saliency layer", found: "\(options.saliencyLayer) of \(running) layers",
                allowed: running == 0 ? "no saliency when no layer runs" : "-\(running) to \(running - 1)")
        }
    }
}
