internal import TensorOps
internal import TokenCore
internal import TokenReduction
internal import VisionEncoding

/// Encodes the frames of one video in order, several groups at a time, with what follows from a group and the one
/// before.
struct FrameSequenceEncoder: Sendable {
    private(set) var encoder: any FrameEncoder
    /// What frames carry besides the tokens, as far as there is a way to it.
    let signals: Set<Signal>
    /// Threads, and groups of frames that are encoded at the same time.
    let workers: Int
    /// The first picture of the group before; the last one of a group is compared with it, so that drift within groups
    /// counts, as RLT does.
    private var last: VideoFrame?

    init(_ pipeline: Pipeline) {
        encoder = pipeline.encoder
        signals = pipeline.signals.union([.saliency])
        workers = max(pipeline.request.workers, 1)
    }

    /// Goes on with the encoder for one video.
    mutating func fit(to video: VideoOutline) throws(TokenReelError) { encoder = try encoder.fitted(to: video) }

    /// Encodes groups at the same time, each with its share of the threads.
    mutating func encode(groups: [[VideoFrame]]) throws(TokenReelError) -> [EncodedFrame] {
        let comparesPictures = signals.contains(.pixelChange)
        let share = max(workers / max(groups.count, 1), 1)
        var encoded = try Parallel.map(count: groups.count, workers: workers) {
            [encoder, signals] index throws(TokenReelError) in
            let group = groups[index]
            let frame = try encoder.encode(group, signals: signals, workers: share)
            guard comparesPictures else { return (frame, pictures: [VideoFrame]()) }
            let ends = group.count == 1 ? group : [group[0], group[group.count - 1]]
            return (frame, try ends.map { (picture) throws(TokenReelError) in try encoder.picture(of: picture) })
        }
        for (index, (_, pictures)) in encoded.enumerated() {
            guard let picture = pictures.last else { continue }
            encoded[index].0.maps[.pixelChange] = [
                PixelChange.map(of: picture, since: last, rows: encoder.rows, columns: encoder.columns)
            ]
            last = pictures.first
        }
        return encoded.map(\.0)
    }

    /// Encodes the frames that wait in groups, of which the last may not be full, and adds them to a grid.
    mutating func encode(_ waiting: inout [VideoFrame], into builder: inout GridBuilder) throws(TokenReelError) {
        let groups = Rows.blocks(of: waiting.count, size: encoder.framesPerGroup).map { Array(waiting[$0]) }
        for (encoded, group) in zip(try encode(groups: groups), groups) {
            try builder.append(encoded, at: encoder.seconds(of: group))
        }
        waiting.removeAll(keepingCapacity: true)
    }
}
