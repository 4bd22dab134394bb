internal import TensorOps
internal import TokenCore

/// LLaVA-OneVision's way from the tower to the language model: `linear_2(activation(linear_1(x)))`, then half the rows
/// and columns.
struct Projector: Sendable {
    /// Numbers of a projected token: the language model's width.
    let outputs: Int
    private let activation: Activation
    private let first: Linear
    private let second: Linear
    /// `[outputs]`: ends every video, after the last frame.
    let newline: [Float]

    /// The weight that every layout has once.
    private static let landmark = "multi_modal_projector.linear_1.weight"

    init(_ folder: CheckpointFolder, inputs: Int, _ precision: Precision) throws(TokenReelError) {
        guard let outer = try folder.prefix(of: Self.landmark) else {
            throw TokenReelError(
                .unreadableInput, subject: folder.path, found: "no tensor ending in \(Self.landmark)",
                allowed: "a LLaVA-OneVision checkpoint")
        }
        let prefix = "\(outer)multi_modal_projector."
        outputs = try folder.shape(of: "\(prefix)linear_1.weight").first ?? 0
        activation = folder.configuration.projectorActivation
        first = try Linear(folder, "\(prefix)linear_1", inputs, outputs, precision)
        second = try Linear(folder, "\(prefix)linear_2", outputs, outputs, precision)
        newline = try folder.weights("\(outer)image_newline", shape: [outputs]).array
    }

    /// Projects every token.
    func project(_ tokens: MatrixView, into output: MutableMatrixView, _ workspace: Workspace) {
        let inner = workspace.inner(tokens.rows, outputs)
        first.apply(tokens, activation, into: inner, workspace)
        second.apply(inner.readOnly, into: output, workspace)
    }

    /// Projects every token of a `side` x `side` grid and samples the result down.
    ///
    /// The model samples last. Its second layer is linear and the weights of a sample sum to 1, so sampling before it
    /// gives the same numbers up to rounding, for a quarter of that layer's cost.
    func projectAndPool(_ tokens: MatrixView, side: Int, into output: MutableMatrixView, _ workspace: Workspace) {
        let both = workspace.inner(tokens.rows + output.rows, outputs)
        let inner = both.part(rows: 0..<tokens.rows, columns: 0..<outputs)
        let pooled = both.part(rows: tokens.rows..<both.rows, columns: 0..<outputs)
        first.apply(tokens, activation, into: inner, workspace)
        HalvedGrid(side: side).sample(inner.readOnly, into: pooled)
        second.apply(pooled.readOnly, into: output, workspace)
    }
}

/// Bilinear sampling of a square grid down to half its side, rounded up, with corners not aligned.
///
/// Target `i` reads `(i + 0.5) * side / target - 0.5`, at least 0, between its two neighbours: a sample of two by two,
/// not an area's mean.
struct HalvedGrid: Sendable {
    /// Cells along one side of the result.
    let targetSide: Int
    private let side: Int
    private let taps: [(low: Int, high: Int, share: Float)]

    init(side: Int) {
        self.side = side
        let target = (side + 1) / 2
        targetSide = target
        let scale = Float(side) / Float(target)
        taps = (0..<target).map { index in
            let place = max((Float(index) + 0.5) * scale - 0.5, 0)
            let low = min(Int(place), side - 1)
            return (low, min(low + 1, side - 1), place - Float(low))
        }
    }

    /// Samples a grid of vectors, `[side * side, channels]` to `[targetSide * targetSide, channels]`.
    func sample(_ cells: MatrixView, into output: MutableMatrixView) {
        precondition(cells.rows == side * side && output.rows == targetSide * targetSide, "grids must be square")
        var target = 0
        for vertical in taps {
            for horizontal in taps {
                let sum = UnsafeMutableBufferPointer(start: output.base + target * output.stride, count: output.columns)
                sum.update(repeating: 0)
                for (row, rowShare) in [(vertical.low, 1 - vertical.share), (vertical.high, vertical.share)] {
                    for (column, share) in [
                        (horizontal.low, 1 - horizontal.share), (horizontal.high, horizontal.share),
                    ] {
                        let cell = UnsafeBufferPointer(
                            start: cells.base + (row * side + column) * cells.stride, count: cells.columns)
                        Rows.add(cell, scale: rowShare * share, to: sum)
                    }
                }
                target += 1
            }
        }
    }
}
