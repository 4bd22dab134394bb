internal import TensorOps
internal import TokenCore

/// The half of a layer that looks at each token alone.
///
///     plain:  contract(activation(expand x))
///     gated:  contract(activation(gate x) * expand x)
struct FeedForward: Sendable {
    let activation: Activation
    let expand: Linear
    /// Nil in a plain layer.
    let gate: Linear?
    let contract: Linear

    /// Two products with an activation between, under the names that a family gives them.
    init(
        _ folder: CheckpointFolder, _ first: String, _ second: String, width: Int, inner: Int,
        _ activation: Activation, _ precision: Precision?
    ) throws(TokenReelError) {
        self.activation = activation
        expand = try Linear(folder, first, width, inner, precision)
        gate = nil
        contract = try Linear(folder, second, inner, width, precision)
    }

    /// A gated layer: `gate_proj`, `up_proj` and `down_proj` under a prefix.
    ///
    /// Source: Shazeer 2020, SwiGLU.
    init(
        gated folder: CheckpointFolder, _ prefix: String, width: Int, inner: Int, _ activation: Activation,
        _ precision: Precision?
    ) throws(TokenReelError) {
        self.activation = activation
        expand = try Linear(folder, "\(prefix)up_proj", width, inner, precision)
        gate = try Linear(folder, "\(prefix)gate_proj", width, inner, precision)
        contract = try Linear(folder, "\(prefix)down_proj", inner, width, precision)
    }

    /// Numbers between the products, for each token.
    var innerCount: Int { gate == nil ? expand.outputs : 2 * expand.outputs }

    /// `states += layer(input)`.
    func add(_ input: MatrixView, to states: MutableMatrixView, _ workspace: Workspace) {
        let rows = input.rows
        guard let gate else {
            let inner = workspace.inner(rows, expand.outputs)
            expand.apply(input, activation, into: inner, workspace)
            return contract.add(inner.readOnly, to: states, workspace)
        }
        let both = workspace.inner(2 * rows, expand.outputs)
        let inner = both.part(rows: 0..<rows, columns: 0..<expand.outputs)
        let scratch = both.part(rows: rows..<2 * rows, columns: 0..<expand.outputs)
        gate.apply(input, activation, into: inner, workspace)
        expand.multiply(input, onto: inner, scratch: scratch, workspace)
        contract.add(inner.readOnly, to: states, workspace)
    }
}
