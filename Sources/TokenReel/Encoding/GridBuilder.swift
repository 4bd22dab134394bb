internal import TokenCore
internal import VisionEncoding

/// Puts the frames of a video together into one grid, as they come.
struct GridBuilder: ~Copyable {
    private var tokens: GridStorage
    private var patchEmbeddings: GridStorage
    private var deepstack: [StreamStorage] = []
    private let limits: Limits
    private var saliency: [Float] = []
    private var frameFeatures: [Float] = []
    /// Of each signal, the frames one after the other for every layer.
    private var maps: [Signal: [[Float]]] = [:]
    private var times: [Double] = []

    /// Frames so far.
    var frames: Int { times.count }

    init(limits: Limits) {
        tokens = GridStorage(limits: limits)
        patchEmbeddings = GridStorage(limits: limits)
        self.limits = limits
    }

    /// Adds a frame, which must carry the signals of those before it.
    ///
    /// - Throws: What ``GridStorage/append(_:)`` throws.
    mutating func append(_ frame: EncodedFrame, at seconds: Double) throws(TokenReelError) {
        times.append(seconds)
        try frame.tokens.withUnsafeBufferPointer { rows throws(TokenReelError) in try tokens.append(rows) }
        try frame.patchEmbeddings?.withUnsafeBufferPointer { rows throws(TokenReelError) in
            try patchEmbeddings.append(rows)
        }
        if times.count == 1 { deepstack = frame.deepstack.map { _ in StreamStorage(limits: limits) } }
        for (stream, vectors) in zip(deepstack, frame.deepstack) { try stream.append(vectors) }
        saliency += frame.saliency ?? []
        frameFeatures += frame.frameFeature ?? []
        for (signal, layers) in frame.maps {
            var grown = maps.removeValue(forKey: signal) ?? layers.map { _ in [] }
            for (index, layer) in layers.enumerated() { grown[index] += layer }
            maps[signal] = grown
        }
    }

    /// The grid of all frames.
    ///
    /// - Throws: What ``GridStorage/finish()`` throws.
    consuming func finish(from encoder: any FrameEncoder) throws(TokenReelError) -> TokenGrid {
        let shape = try GridShape(
            frames: times.count, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels)
        let (saliency, features, times) = (saliency, frameFeatures, times)
        let maps = maps.mapValues { TokenMap(layers: $0.count, values: $0.flatMap { $0 }) }
        let streams = try deepstack.map { (stream) throws(TokenReelError) in try stream.finish() }
        let embeddings = patchEmbeddings.byteCount > 0 ? try patchEmbeddings.finish() : nil
        return try TokenGrid(
            shape: shape, values: tokens.finish(), frameTimes: times, saliency: saliency.isEmpty ? nil : saliency,
            frameFeatures: features.isEmpty ? nil : features, patchEmbeddings: embeddings, maps: maps,
            newline: encoder.newline, deepstack: streams)
    }
}

/// One of several stores, of which an array holds no other kind.
private final class StreamStorage {
    private var storage: GridStorage?

    init(limits: Limits) { storage = GridStorage(limits: limits) }

    func append(_ vectors: [Float]) throws(TokenReelError) {
        try vectors.withUnsafeBufferPointer { rows throws(TokenReelError) in try storage?.append(rows) }
    }

    func finish() throws(TokenReelError) -> TensorBuffer<Float> {
        guard let finished = storage.take() else { return TensorBuffer([]) }
        return try finished.finish()
    }
}
