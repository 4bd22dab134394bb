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
        GridResampler(halving: side).map(inner.readOnly, into: pooled)
        second.apply(pooled.readOnly, into: output, workspace)
    }
}
