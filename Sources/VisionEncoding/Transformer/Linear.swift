internal import TensorOps
internal import TokenCore

/// `y = x W^T + b` for rows of states, a block of rows after the other, each with what follows the product.
struct Linear: Sendable {
    let inputs: Int
    let outputs: Int
    private let weight: Weight
    private let bias: TensorBuffer<Float>
    /// The first of the rows of the tensors that are used; SigLIP's head stacks three layers in one.
    private let firstRow: Int

    private enum Weight: Sendable {
        /// As it lies in the file.
        case plain(TensorBuffer<Float>)
        case packed(PackedMatrix)
    }

    /// Rows of a block where the weights are as they lie: every product lays them out again, so blocks are large.
    private static let rowsPerPlainBlock = 512

    /// Reads `weight [outputs, inputs]` and `bias [outputs]` under a prefix such as `encoder.layers.0.mlp.fc1`.
    ///
    /// - Parameter precision: What to lay the weights out in once for all; nil leaves them as they lie, for layers that
    ///   see few rows. A layer with a precision needs a workspace.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ inputs: Int, _ outputs: Int, _ precision: Precision? = nil
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
        _ precision: Precision? = nil
    ) {
        precondition(weight.count >= (firstRow + outputs) * inputs && bias.count >= firstRow + outputs)
        let packed: PackedMatrix? = weight.withUnsafeBufferPointer { weight in
            guard let precision, let base = weight.baseAddress else { return nil }
            return PackedMatrix(
                MatrixView(base + firstRow * inputs, rows: outputs, columns: inputs), isRounded: precision == .bf16)
        }
        self.weight = packed.map(Weight.packed) ?? .plain(weight)
        self.bias = bias
        self.firstRow = firstRow
        self.inputs = inputs
        self.outputs = outputs
    }

    /// `output = (input W^T + b) * scale`.
    func apply(
        _ input: MatrixView, scale: Float = 1, into output: MutableMatrixView, _ workspace: Workspace? = nil
    ) {
        multiply(input, into: output, adding: false, workspace) { _, rows, bias in
            RowPass.addBias(bias, scale: scale, to: rows)
        }
    }

    /// `output = activation(input W^T + b)`.
    func apply(
        _ input: MatrixView, _ activation: Activation, into output: MutableMatrixView, _ workspace: Workspace? = nil
    ) {
        multiply(input, into: output, adding: false, workspace) { _, rows, bias in
            RowPass.activate(activation, bias: bias, on: rows)
        }
    }

    /// `output *= input W^T + b`; `scratch` has the size of `output`.
    func multiply(
        _ input: MatrixView, onto output: MutableMatrixView, scratch: MutableMatrixView, _ workspace: Workspace
    ) {
        multiply(input, into: scratch, adding: false, workspace) { block, rows, bias in
            RowPass.multiply(output.part(rows: block), by: rows.readOnly, bias: bias)
        }
    }

    /// `states += input W^T + b`.
    func add(_ input: MatrixView, to states: MutableMatrixView, _ workspace: Workspace? = nil) {
        multiply(input, into: states, adding: true, workspace) { _, rows, bias in RowPass.addBias(bias, to: rows) }
    }

    /// Multiplies block by block; `finish` gets each block's rows of the output and the bias.
    private func multiply(
        _ input: MatrixView, into output: MutableMatrixView, adding: Bool, _ workspace: Workspace?,
        then finish: (Range<Int>, MutableMatrixView, UnsafePointer<Float>) -> Void
    ) {
        bias.withUnsafeBufferPointer { bias in
            guard let bias = bias.baseAddress.map({ $0 + firstRow }) else { return }
            switch weight {
            case .plain(let weight):
                weight.withUnsafeBufferPointer { weight in
                    guard let base = weight.baseAddress else { return }
                    let matrix = MatrixView(base + firstRow * inputs, rows: outputs, columns: inputs)
                    func multiply(_ block: Range<Int>) {
                        let rows = output.part(rows: block)
                        Matrix.multiply(input.part(rows: block), transposed: matrix, into: rows, adding: adding)
                        finish(block, rows, bias)
                    }
                    guard let workspace else { return multiply(0..<input.rows) }
                    workspace.forEach(Rows.blocks(of: input.rows, size: Self.rowsPerPlainBlock)) { block, _ in
                        multiply(block)
                    }
                }
            case .packed(let matrix):
                guard let workspace else { preconditionFailure("a layer with a precision needs a workspace") }
                workspace.forEach(Rows.blocks(of: input.rows, size: PackedMatrix.rowsPerBlock)) { block, scratch in
                    let rows = output.part(rows: block)
                    matrix.multiply(input.part(rows: block), into: rows, adding: adding, scratch: scratch.rounded)
                    finish(block, rows, bias)
                }
            }
        }
    }
}
