internal import TokenCore

extension TokenGrid {
    /// The same grid with the vectors of its further streams behind those of each token, as one long token.
    ///
    /// What is compared then is all that the language model takes in, as vLLM's pruning does for Qwen3-VL.
    func joined() throws(TokenReelError) -> TokenGrid {
        let streams = [values] + deepstack
        let width = shape.channels
        let long = try GridShape(
            frames: shape.frames, rows: shape.rows, columns: shape.columns, channels: width * streams.count)
        let tokens = TensorBuffer<Float>(count: long.elementCount) { output in
            guard let target = output.baseAddress else { return }
            for (index, stream) in streams.enumerated() {
                stream.withUnsafeBufferPointer { stream in
                    guard let source = stream.baseAddress else { return }
                    for token in 0..<shape.tokenCount {
                        (target + token * long.channels + index * width)
                            .initialize(from: source + token * width, count: width)
                    }
                }
            }
        }
        return try TokenGrid(
            shape: long, values: tokens, frameTimes: frameTimes, saliency: saliency, frameFeatures: frameFeatures,
            patchEmbeddings: patchEmbeddings, maps: maps)
    }
}
