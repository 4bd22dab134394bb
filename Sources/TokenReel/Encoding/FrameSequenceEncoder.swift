internal import TensorOps
internal import TokenCore
internal import TokenReduction
internal import VisionEncoding

/// Encodes the frames of one video in order, several at a time, with what follows from a frame and the one before it.
struct FrameSequenceEncoder: Sendable {
    let encoder: any FrameEncoder
    /// What frames carry besides the tokens, as far as there is a way to it.
    let signals: Set<Signal>
    /// Frames that are encoded at the same time.
    let workers: Int
    /// The picture of the frame before, for what has to be compared with it.
    private var last: VideoFrame?

    init(_ pipeline: Pipeline) {
        encoder = pipeline.encoder
        signals = pipeline.signals.union([.saliency])
        workers = max(pipeline.request.workers, 1)
    }

    /// Encodes frames, one a thread.
    mutating func encode(_ frames: [VideoFrame]) throws(TokenReelError) -> [EncodedFrame] {
        let comparesPictures = signals.contains(.pixelChange)
        var encoded = try Parallel.map(count: frames.count, workers: workers) {
            [encoder, signals] index throws(TokenReelError) in
            let frame = try encoder.encode(frames[index], signals: signals)
            return (frame, picture: comparesPictures ? try encoder.picture(of: frames[index]) : nil)
        }
        for (index, (_, picture)) in encoded.enumerated() {
            guard let picture else { continue }
            encoded[index].0.maps[.pixelChange] = [
                PixelChange.map(of: picture, since: last, rows: encoder.rows, columns: encoder.columns)
            ]
            last = picture
        }
        return encoded.map(\.0)
    }

    /// Encodes the frames that wait and adds them to a grid.
    mutating func encode(_ waiting: inout [VideoFrame], into builder: inout GridBuilder) throws(TokenReelError) {
        for (encoded, frame) in zip(try encode(waiting), waiting) { try builder.append(encoded, at: frame.pts.seconds) }
        waiting.removeAll(keepingCapacity: true)
    }
}
