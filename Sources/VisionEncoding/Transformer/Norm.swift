internal import TensorOps
internal import TokenCore

/// Brings every row of states to unit scale, then applies a gain.
struct Norm: Sendable {
    private let gain: TensorBuffer<Float>
    /// Nil for RMSNorm, which neither centres a row nor shifts it.
    private let bias: TensorBuffer<Float>?
    private let epsilon: Float

    /// Layer normalisation with `weight` and `bias`, both `[width]`, under a prefix.
    init(layer folder: CheckpointFolder, _ prefix: String, width: Int, epsilon: Float) throws(TokenReelError) {
        gain = try folder.weights("\(prefix).weight", shape: [width])
        bias = try folder.weights("\(prefix).bias", shape: [width])
        self.epsilon = epsilon
    }

    /// The same with the numbers of a tower.
    init(_ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration) throws(TokenReelError) {
        try self.init(layer: folder, prefix, width: configuration.width, epsilon: configuration.epsilon)
    }

    /// Division by the root mean square, with `weight [width]` under a prefix.
    init(rootMeanSquare folder: CheckpointFolder, _ prefix: String, width: Int, epsilon: Float) throws(TokenReelError) {
        gain = try folder.weights("\(prefix).weight", shape: [width])
        bias = nil
        self.epsilon = epsilon
    }

    /// Normalises every row, on all threads of a run; may run in place.
    func apply(_ input: MatrixView, into output: MutableMatrixView, _ workspace: Workspace) {
        workspace.forEach(Rows.blocks(of: input.rows, size: Workspace.rowsPerPass)) { block, _ in
            apply(input.part(rows: block), into: output.part(rows: block))
        }
    }

    /// Normalises every row; may run in place.
    func apply(_ input: MatrixView, into output: MutableMatrixView) {
        gain.withUnsafeBufferPointer { gain in
            guard let gain = gain.baseAddress else { return }
            guard let bias else { return RowPass.rmsNorm(input, gain: gain, epsilon: epsilon, into: output) }
            bias.withUnsafeBufferPointer { bias in
                guard let bias = bias.baseAddress else { return }
                RowPass.layerNorm(input, gain: gain, bias: bias, epsilon: epsilon, into: output)
            }
        }
    }
}
