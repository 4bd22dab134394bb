internal import TensorOps
internal import TokenCore

/// Rotary position embedding of tokens in a plane: how far the pairs of numbers of queries and keys are turned.
///
///     frequency[i] = base^(-i / (headWidth / 4)),  i < headWidth / 4
///     angles = [row * frequency, column * frequency],  of the pairs (i, headWidth / 2 + i)
///
/// A score then depends on how far apart two tokens lie, not on where. Source: Su et al. 2021, with half of the angles
/// for each axis as in Qwen2-VL.
struct RotaryTable: Sendable {
    /// `[tokens, headWidth / 2]`.
    private let cosines: TensorBuffer<Float>
    private let sines: TensorBuffer<Float>

    /// Angles for tokens at `places`, in the order of their states.
    init(_ places: [PatchGrid.Place], headWidth: Int, base: Float) {
        let count = headWidth / 4
        let frequencies = (0..<count).map { 1 / Elementary.power(base, Float($0) / Float(count)) }
        let angles = places.flatMap { place in
            frequencies.map { Float(place.row) * $0 } + frequencies.map { Float(place.column) * $0 }
        }
        cosines = TensorBuffer(angles.map(Elementary.cosine))
        sines = TensorBuffer(angles.map(Elementary.sine))
    }

    /// Turns the queries or keys of all heads.
    func rotate(_ states: MutableMatrixView, heads: Int, _ workspace: Workspace) {
        let angles = states.columns / heads / 2
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
                workspace.forEach(Rows.blocks(of: states.rows, size: Workspace.rowsPerPass)) { block, _ in
                    let first = block.lowerBound * angles
                    RowPass.rotate(
                        states.part(rows: block), heads: heads, cosines: cosines + first, sines: sines + first)
                }
            }
        }
    }
}
