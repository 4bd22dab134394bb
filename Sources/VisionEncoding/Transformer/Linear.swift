internal import TensorOps
internal import TokenCore

/// `y = x W^T + b` for rows of states, with what follows it fused into one pass over the output.
struct Linear: Sendable {
    let inputs: Int
    let outputs: Int
    private let weight: Weight
    private let bias: TensorBuffer<Float>
    /// The first of the rows of `weight` that are used; SigLIP's head stacks three layers in one tensor.
    private let firstRow: Int

    private enum Weight: Sendable {
        case single(TensorBuffer<Float>)
        case brain(BrainFloatMatrix)
    }

    /// Reads `weight [outputs, inputs]` and `bias [outputs]` under a prefix such as `encoder.layers.0.mlp.fc1`.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ inputs: Int, _ outputs: Int, _ precision: Precision = .f32
    ) throws(TokenReelError) {
        self.init(
            weight: try folder.weights("\(prefix).weight", shape: [outputs, inputs]),
            bias: try folder.weights("\(prefix).bias", shape: [outputs]), inputs, outputs, precision)
    }

    /// Reads a layer without a bias.
    init(withoutBias folder: CheckpointFolder, _ tensor: String, _ inputs: Int, _ outputs: Int) throws(TokenReelError) {
        self.init(
            weight: try folder.weights(tensor, shape: [outputs, inputs]),
            bias: TensorBuffer([Float](repeating: 0, count: outputs)), inputs, outputs)
    }

    /// Uses some rows of tensors that are in memory.
    init(
        weight: TensorBuffer<Float>, bias: TensorBuffer<Float>, firstRow: Int = 0, _ inputs: Int, _ outputs: Int,
        _ precision: Precision = .f32
    ) {
        precondition(weight.count >= (firstRow + outputs) * inputs && bias.count >= firstRow + outputs)
        let rounded: BrainFloatMatrix? = weight.withUnsafeBufferPointer { weight in
            guard precision == .bf16, let base = weight.baseAddress else { return nil }
            return BrainFloatMatrix(MatrixView(base + firstRow * inputs, rows: outputs, columns: inputs))
        }
        self.weight = rounded.map(Weight.brain) ?? .single(weight)
        self.bias = bias
        self.firstRow = firstRow
        self.inputs = inputs
        self.outputs = outputs
    }

    /// `output = (input W^T + b) * scale`.
    func apply(
        _ input: MatrixView, scale: Float = 1, into output: MutableMatrixView, _ workspace: Workspace? = nil
    ) {
        multiply(input, into: output, adding: false, workspace)
        withBias { RowPass.addBias($0, scale: scale, to: output) }
    }

    /// `output = activation(input W^T + b)`.
    func apply(
        _ input: MatrixView, _ activation: Activation, into output: MutableMatrixView, _ workspace: Workspace? = nil
    ) {
        multiply(input, into: output, adding: false, workspace)
        withBias { RowPass.activate(activation, bias: $0, on: output) }
    }

    /// `output *= input W^T + b`; `scratch` has the size of `output`.
    func multiply(
        _ input: MatrixView, onto output: MutableMatrixView, scratch: MutableMatrixView, _ workspace: Workspace
    ) {
        multiply(input, into: scratch, adding: false, workspace)
        withBias { RowPass.multiply(output, by: scratch.readOnly, bias: $0) }
    }

    /// `states += input W^T + b`.
    func add(_ input: MatrixView, to states: MutableMatrixView, _ workspace: Workspace? = nil) {
        multiply(input, into: states, adding: true, workspace)
        withBias { RowPass.addBias($0, to: states) }
    }

    /// A layer in bf16 needs a workspace to round its input in.
    private func multiply(
        _ input: MatrixView, into output: MutableMatrixView, adding: Bool, _ workspace: Workspace?
    ) {
        switch weight {
        case .single(let weight):
            weight.withUnsafeBufferPointer { weight in
                guard let base = weight.baseAddress else { return }
                let matrix = MatrixView(base + firstRow * inputs, rows: outputs, columns: inputs)
                Matrix.multiply(input, transposed: matrix, into: output, adding: adding)
            }
        case .brain(let matrix):
            guard let workspace else { preconditionFailure("a layer in bf16 needs a workspace") }
            matrix.multiply(input, into: output, adding: adding, workspace: workspace.rounded)
        }
    }

    private func withBias(_ body: (UnsafePointer<Float>) -> Void) {
        bias.withUnsafeBufferPointer { bias in
            if let base = bias.baseAddress { body(base + firstRow) }
        }
    }
}
