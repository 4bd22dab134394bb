import TokenCore

/// Reproducible numbers for tests; not the generator the library uses.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D &+ 1 }

    mutating func unit() -> Float {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Float(state >> 40) / Float(1 << 24)
    }

    mutating func signed() -> Float { 2 * unit() - 1 }
    mutating func below(_ bound: Int) -> Int { min(Int(unit() * Float(bound)), bound - 1) }
    mutating func vector(_ count: Int) -> [Float] { (0..<count).map { _ in signed() } }
}

/// Grids that look like video: a background that stays, a patch that moves, a cut, noise, and if asked for
/// one token of each frame with a huge channel.
enum RandomGrid {
    static func video(
        frames: Int, rows: Int, columns: Int, channels: Int, seed: UInt64, hasSaliency: Bool = true,
        hasSinks: Bool = false
    ) throws -> TokenGrid {
        var random = RandomNumbers(seed: seed)
        let scenes = [random.vector(rows * columns * channels), random.vector(rows * columns * channels)]
        let object = random.vector(channels)
        var values: [Float] = []
        for frame in 0..<frames {
            let scene = scenes[frame * 2 / max(frames, 1)]
            for cell in 0..<rows * columns {
                let isObject = cell == (frame * 3) % (rows * columns)
                let noise: Float = cell % 3 == 0 ? 0.6 : 0.05
                let isSink = hasSinks && cell == (frame * 5 + 1) % (rows * columns)
                for channel in 0..<channels {
                    values.append(
                        (isObject ? object[channel] : scene[cell * channels + channel]) + noise * random.signed()
                            + (isSink && channel == 1 ? 90 : 0))
                }
            }
        }
        return try TokenGrid(
            shape: GridShape(frames: frames, rows: rows, columns: columns, channels: channels),
            values: TensorBuffer(values), frameTimes: (0..<frames).map { Double($0) },
            saliency: hasSaliency ? (0..<frames * rows * columns).map { _ in random.unit() } : nil)
    }

    /// The same grid with every signal that a method may ask for.
    static func withAllSignals(_ grid: TokenGrid, seed: UInt64 = 11) throws -> TokenGrid {
        var random = RandomNumbers(seed: seed)
        let tokens = grid.shape.tokenCount
        var maps: [Signal: TokenMap] = [:]
        for signal in Signal.maps {
            let layers = [.objectSaliency, .pixelChange].contains(signal) ? 1 : 3
            maps[signal] = TokenMap(layers: layers, values: (0..<layers * tokens).map { _ in random.unit() })
        }
        // Scenes of seven frames that change a little from one frame to the next.
        var feature = random.vector(10)
        let features = (0..<grid.shape.frames).flatMap { frame in
            let change = random.vector(10)
            feature = frame.isMultiple(of: 7) ? change : zip(feature, change).map { $0 + 0.2 * $1 }
            return feature
        }
        return try TokenGrid(
            shape: grid.shape, values: grid.values, frameTimes: grid.frameTimes,
            saliency: grid.saliency ?? (0..<tokens).map { _ in random.unit() }, frameFeatures: features,
            patchEmbeddings: TensorBuffer(random.vector(tokens * 12)), maps: maps)
    }

    static func constant(_ value: Float, frames: Int, rows: Int, columns: Int, channels: Int) throws -> TokenGrid {
        let shape = try GridShape(frames: frames, rows: rows, columns: columns, channels: channels)
        return try TokenGrid(
            shape: shape, values: TensorBuffer([Float](repeating: value, count: shape.elementCount)),
            frameTimes: (0..<frames).map { Double($0) }, saliency: [Float](repeating: 0.5, count: shape.tokenCount))
    }
}
