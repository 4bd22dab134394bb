internal import TensorOps
internal import TokenCore

/// Makes one token of a block of patches: `contract(gelu(expand(norm(block))))`, a block being its patches' states end
/// to end.
struct PatchMerger: Sendable {
    /// Numbers of a token.
    let outputs: Int
    /// Patches of a block.
    private let patches: Int
    private let norm: Norm
    /// Whether the norm runs over a whole block instead of each patch.
    private let normsBlocks: Bool
    private let expand: Linear
    private let contract: Linear

    /// Reads a merger under a prefix, with the names of its version.
    ///
    /// - Parameter normsBlocks: Whether the norm comes after patches were put together, as in Qwen3-VL's DeepStack.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: QwenConfiguration, normsBlocks: Bool = false,
        _ precision: Precision
    ) throws(TokenReelError) {
        let isThird = configuration.version == .qwen3
        patches = configuration.mergeSide * configuration.mergeSide
        outputs = configuration.outputs
        self.normsBlocks = normsBlocks
        let block = patches * configuration.width
        let normed = normsBlocks ? block : configuration.width
        norm =
            isThird
            ? try Norm(layer: folder, "\(prefix)norm", width: normed, epsilon: QwenConfiguration.epsilon)
            : try Norm(rootMeanSquare: folder, "\(prefix)ln_q", width: normed, epsilon: QwenConfiguration.epsilon)
        expand = try Linear(folder, prefix + (isThird ? "linear_fc1" : "mlp.0"), block, block, precision)
        contract = try Linear(folder, prefix + (isThird ? "linear_fc2" : "mlp.2"), block, outputs, precision)
    }

    /// Numbers that a merger works with between products, for each patch.
    static func innerCount(_ configuration: QwenConfiguration) -> Int {
        let patches = configuration.mergeSide * configuration.mergeSide
        return configuration.width + (configuration.outputs + patches - 1) / patches
    }

    /// The tokens of a group, blocks counted row by row.
    func tokens(of states: MatrixView, _ grid: PatchGrid, _ workspace: Workspace) -> [Float] {
        let (blocks, width) = (states.rows / patches, states.columns * patches)
        let plane = workspace.normed(states.rows)
        let normed = MutableMatrixView(plane.base, rows: blocks, columns: width)
        if normsBlocks {
            norm.apply(MatrixView(states.base, rows: blocks, columns: width), into: normed)
        } else {
            norm.apply(states, into: plane)
        }
        let memory = workspace.inner(blocks, width + outputs).base
        let inner = MutableMatrixView(memory, rows: blocks, columns: width)
        let merged = MutableMatrixView(memory + blocks * width, rows: blocks, columns: outputs)
        expand.apply(normed.readOnly, .gelu, into: inner, workspace)
        contract.apply(inner.readOnly, into: merged, workspace)
        return [Float](unsafeUninitializedCapacity: blocks * outputs) { tokens, count in
            for (block, place) in grid.blocks.enumerated() {
                let target = UnsafeMutableBufferPointer(rebasing: tokens[place * outputs..<(place + 1) * outputs])
                _ = target.initialize(
                    fromContentsOf: UnsafeBufferPointer(start: merged.base + block * outputs, count: outputs))
            }
            count = blocks * outputs
        }
    }
}
