import TokenCore

extension RandomGrid {
    /// A video whose upper rows show one even area that drifts slowly, above cells that are all different and stay.
    static func patchwork(frames: Int, rows: Int, columns: Int, channels: Int, seed: UInt64) throws -> TokenGrid {
        var random = RandomNumbers(seed: seed)
        let cells = rows * columns
        let area = random.vector(channels)
        let drift = random.vector(channels)
        let scene = random.vector(cells * channels)
        var values: [Float] = []
        for frame in 0..<frames {
            for cell in 0..<cells {
                let noise: Float = cell % 4 == 0 ? 0.4 : 0.1
                for channel in 0..<channels {
                    let still =
                        cell / columns < (rows + 1) / 2
                        ? area[channel] + 0.1 * Float(frame) * drift[channel] : scene[cell * channels + channel]
                    values.append(still + noise * random.signed())
                }
            }
        }
        return try TokenGrid(
            shape: GridShape(frames: frames, rows: rows, columns: columns, channels: channels),
            values: TensorBuffer(values), frameTimes: (0..<frames).map { Double($0) },
            saliency: (0..<frames * cells).map { _ in random.unit() })
    }
}
