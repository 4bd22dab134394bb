internal import TensorOps
internal import TokenCore

extension VisionTowerOptions {
    /// The number of layers that run to give a hidden state of a tower; nil is the last.
    static func depth(_ layer: Int?, of layers: Int) throws(TokenReelError) -> Int {
        guard let layer else { return layers }
        guard -(layers + 1)...layers ~= layer else {
            throw TokenReelError(
                .invalidArgument, subject: "layer", found: "\(layer)",
                allowed: "0 to \(layers), or -1 for the last to -\(layers + 1)")
        }
        return layer < 0 ? layers + 1 + layer : layer
    }

    /// What tells the tokens of one tower from those of another.
    ///
    /// - Parameter settings: How pictures are prepared.
    func name(
        _ folder: CheckpointFolder, settings: String, _ space: FeatureSpace, _ layer: Int?, _ precision: Precision
    ) -> String {
        folder.fingerprint.add(settings)
        let saliency = saliency == .none ? "none" : "\(saliency.rawValue) \(saliencyLayer)"
        return "\(folder.modelType) \(folder.fingerprint.text), \(space.rawValue) space, "
            + "layer \(layer.map { "\($0)" } ?? "final"), saliency \(saliency), \(precision.rawValue)"
    }
}

extension Precision {
    /// What of this can be had on this processor.
    var available: Precision { self == .bf16 && PackedMatrix.canRound ? .bf16 : .f32 }
    /// Says so where bf16 was asked for and is not to be had.
    var notices: [String] {
        self == available
            ? [] : ["This processor has neither AVX512_BF16 nor AMX; the model runs in f32 instead of bf16."]
    }
}
