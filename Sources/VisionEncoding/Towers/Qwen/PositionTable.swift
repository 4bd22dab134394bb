internal import TensorOps
internal import TokenCore

/// Learnt embeddings of the places of a square, read between its points for grids of any size.
///
/// Cell `i` of `n` along an axis reads the table at `i (side - 1) / (n - 1)`, bilinearly, so that the corners of any
/// grid are those of the table.
struct PositionTable: Sendable {
    private let side: Int
    private let width: Int
    /// `[side * side, width]`.
    private let table: TensorBuffer<Float>

    init(_ folder: CheckpointFolder, _ tensor: String, _ configuration: QwenConfiguration) throws(TokenReelError) {
        side = configuration.positionsPerSide
        width = configuration.width
        table = try folder.weights(tensor, shape: [side * side, width])
    }

    /// `[patches, width]`: the embedding of each patch, in the order of states.
    func embeddings(of grid: PatchGrid) -> TensorBuffer<Float> {
        let down = (0..<grid.rows).map { taps($0, of: grid.rows) }
        let across = (0..<grid.columns).map { taps($0, of: grid.columns) }
        return TensorBuffer(count: grid.count * width) { output in
            output.initialize(repeating: 0)
            table.withUnsafeBufferPointer { table in
                for (patch, place) in grid.places.enumerated() {
                    let target = UnsafeMutableBufferPointer(rebasing: output[patch * width..<(patch + 1) * width])
                    for (row, tall) in down[place.row] {
                        for (column, wide) in across[place.column] {
                            let start = (row * side + column) * width
                            Rows.add(
                                UnsafeBufferPointer(rebasing: table[start..<start + width]), scale: tall * wide,
                                to: target)
                        }
                    }
                }
            }
        }
    }

    /// The two points of the table that a cell lies between, with their shares.
    private func taps(_ index: Int, of count: Int) -> [(point: Int, share: Float)] {
        let place = Float(index * (side - 1)) / Float(max(count - 1, 1))
        let low = min(Int(place), side - 1)
        let share = place - Float(low)
        return [(low, 1 - share), (min(low + 1, side - 1), share)]
    }
}
