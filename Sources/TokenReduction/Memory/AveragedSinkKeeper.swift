internal import TensorOps
internal import TokenCore

/// Remembers the first frames of a stream, blended with those that are no longer recent, and the recent ones:
/// ``AveragedSink`` over the frames before reduction, a quarter of the memory for the sink.
struct AveragedSinkKeeper: MemoryKeeper {
    /// Halves what a frame adds to the sink after 69 blocks; the paper's 0.999 is for many frames a second.
    private static let alpha: Float = 0.99

    private let sinkFrames: Int
    private let cells: Int
    private let channels: Int
    private var sink: AveragedSink
    /// The number in the stream of each frame of the sink's.
    private var numbers: SinkWindow<Int>

    init(capacity: Int, shape: GridShape) {
        cells = shape.tokensPerFrame
        channels = shape.channels
        let frames = max(capacity / max(cells, 1), 1)
        sinkFrames = max(frames / 4, 1)
        sink = AveragedSink(sinkFrames: sinkFrames, recent: frames - sinkFrames, alpha: Self.alpha)
        numbers = SinkWindow(sinks: sinkFrames, recent: frames - sinkFrames)
    }

    mutating func remember(_ segment: MemorySegment) {
        for frame in 0..<segment.grid.shape.frames {
            _ = numbers.append(segment.firstFrame + frame)
            let streams = [segment.grid.values] + segment.grid.deepstack
            sink.append(
                streams.flatMap {
                    $0.withRows(frame * cells..<(frame + 1) * cells, channels: channels) { Array($0) }
                })
        }
    }

    var tokens: [MemoryToken] {
        let updates = sink.updates
        return zip(sink.frames, numbers.entries).enumerated().flatMap { place, frame in
            let (values, number) = frame
            let isSink = place < sinkFrames
            let vectors = Rows.blocks(of: values.count, size: channels)
            return (0..<cells).map { cell in
                MemoryToken(
                    values: Array(values[vectors[cell]]),
                    streams: stride(from: cells + cell, to: vectors.count, by: cells).flatMap { values[vectors[$0]] },
                    anchor: number * cells + cell,
                    sources: [number * cells + cell], weights: [isSink ? Self.weight(after: updates) : 1],
                    mass: isSink ? Double(1 + updates) : 1)
            }
        }
    }

    /// Of a sink's frame, what is left of the first one; the others it took in are forgotten.
    private static func weight(after updates: Int) -> Float {
        var (weight, base, exponent): (Float, Float, Int) = (1, alpha, updates)
        while exponent > 0, weight > 0 {
            if exponent & 1 == 1 { weight *= base }
            base *= base
            exponent >>= 1
        }
        return weight
    }

    /// Each token is made of its own place and of forgotten ones.
    mutating func forget(allBut frames: Set<Int>, cells: Int) {}
}
