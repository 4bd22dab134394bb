internal import TensorOps
internal import TokenCore

/// The weights and forward pass of a Qwen-VL vision tower, up to the hidden state that is read.
///
/// A patch covers the same pixels of all frames of a group; groups never see one another. Source: Qwen2.5-VL (arXiv
/// 2502.13923), Qwen3-VL, and transformers' classes of those names, whose names the weights have.
struct QwenTransformer: Sendable {
    let configuration: QwenConfiguration
    private let embedding: Linear
    private let positions: PositionTable?
    let transformer: Transformer

    /// The weight that every layout has once, by which the tower's prefix is found.
    static let landmark = "patch_embed.proj.weight"

    /// Reads a tower up to the hidden state `depth`, which is the number of layers that run.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: QwenConfiguration, depth: Int,
        _ precision: Precision
    ) throws(TokenReelError) {
        self.configuration = configuration
        let (width, side) = (configuration.width, configuration.patchSide)
        let isThird = configuration.version == .qwen3
        embedding = Linear(
            weight: try folder.weights(
                prefix + Self.landmark, shape: [width, 3, configuration.framesPerPatch, side, side]),
            bias: isThird
                ? try folder.weights("\(prefix)patch_embed.proj.bias", shape: [width])
                : TensorBuffer([Float](repeating: 0, count: width)),
            configuration.patchInputs, width, .f32)
        positions = isThird ? try PositionTable(folder, "\(prefix)pos_embed.weight", configuration) : nil
        transformer = try Transformer(folder, prefix, configuration, layers: depth, precision: precision)
    }

    /// What a run needs to know of where patches lie.
    func layout(of grid: PatchGrid) -> QwenLayout {
        QwenLayout(
            grid: grid,
            rotation: RotaryTable(grid.places, headWidth: configuration.headWidth, base: configuration.rotaryBase),
            positions: positions?.embeddings(of: grid))
    }

    /// Computes the states of a group; they stay in the workspace, in the order of the layout's grid.
    ///
    /// - Parameters:
    ///   - frames: As many as a patch covers, each `[3, height, width]` normalised pixels.
    ///   - watching: What to tell of the attention of which layers, counted from 0.
    ///   - afterLayer: Called with the index of each hidden state and the state itself, from 0, the input of the first
    ///     layer.
    /// - Returns: What was asked for of each watched layer.
    @discardableResult func run(
        _ frames: [[Float]], _ layout: QwenLayout, _ workspace: Workspace,
        watching: [Int: Set<AttentionStatistic>] = [:], afterLayer: ((Int, MatrixView) -> Void)? = nil
    ) -> [Int: AttentionStatistics] {
        let grid = layout.grid
        let states = workspace.states(grid.count)
        let cut = workspace.inner(grid.count, configuration.patchInputs)
        cutPatches(frames, grid, into: cut)
        embedding.apply(cut.readOnly, into: states, workspace)
        layout.positions?.withUnsafeBufferPointer { positions in
            Rows.add(positions, scale: 1, to: UnsafeMutableBufferPointer(start: states.base, count: positions.count))
        }
        afterLayer?(0, states.readOnly)
        let hasWindows = configuration.windowSide > 0
        return transformer.run(
            workspace, tokens: grid.count,
            reach: { hasWindows && !configuration.wholeLayers.contains($0) ? .spans(grid.windows) : .all },
            rotation: layout.rotation, watching: watching
        ) { afterLayer?($0 + 1, $1) }
    }

    /// Lays the pixels of each patch in a row, colours first, then frames, as the convolution's weights lie.
    private func cutPatches(_ frames: [[Float]], _ grid: PatchGrid, into output: MutableMatrixView) {
        let side = configuration.patchSide
        let (width, height) = (grid.columns * side, grid.rows * side)
        precondition(
            frames.count == configuration.framesPerPatch && frames.allSatisfy { $0.count == 3 * width * height },
            "frames must be [3, height, width]")
        for (time, frame) in frames.enumerated() {
            frame.withUnsafeBufferPointer { pixels in
                guard let source = pixels.baseAddress else { return }
                for (patch, place) in grid.places.enumerated() {
                    for colour in 0..<3 {
                        var target =
                            output.base + patch * output.stride + (colour * frames.count + time) * side * side
                        for line in place.row * side..<(place.row + 1) * side {
                            target.update(
                                from: source + (colour * height + line) * width + place.column * side, count: side)
                            target += side
                        }
                    }
                }
            }
        }
    }
}

/// Where the patches of one size of frame lie, worked out once for all groups of a video.
struct QwenLayout: Sendable {
    let grid: PatchGrid
    let rotation: RotaryTable
    /// `[patches, width]`: what is added to the patches, for towers with a table of positions.
    let positions: TensorBuffer<Float>?
}

extension Transformer {
    /// Reads the first `count` layers under a prefix such as `visual.`, by the names of Qwen-VL's classes.
    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: QwenConfiguration, layers count: Int,
        precision: Precision
    ) throws(TokenReelError) {
        let (width, inner, isThird) = (configuration.width, configuration.innerWidth, configuration.version == .qwen3)
        @Sendable func norm(_ name: String) throws(TokenReelError) -> Norm {
            isThird
                ? try Norm(layer: folder, name, width: width, epsilon: QwenConfiguration.epsilon)
                : try Norm(rootMeanSquare: folder, name, width: width, epsilon: QwenConfiguration.epsilon)
        }
        layers = try Self.layers(count) { (index) throws(TokenReelError) in
            let prefix = "\(prefix)blocks.\(index)."
            let weight = try folder.weights("\(prefix)attn.qkv.weight", shape: [3 * width, width])
            let bias = try folder.weights("\(prefix)attn.qkv.bias", shape: [3 * width])
            func third(_ part: Int) -> Linear {
                Linear(weight: weight, bias: bias, firstRow: part * width, width, width, precision)
            }
            return TransformerLayer(
                heads: configuration.heads, norm1: try norm("\(prefix)norm1"),
                query: third(0), key: third(1), value: third(2),
                output: try Linear(folder, "\(prefix)attn.proj", width, width, precision),
                norm2: try norm("\(prefix)norm2"),
                feedForward: isThird
                    ? try FeedForward(
                        folder, "\(prefix)mlp.linear_fc1", "\(prefix)mlp.linear_fc2", width: width, inner: inner,
                        configuration.activation, precision)
                    : try FeedForward(
                        gated: folder, "\(prefix)mlp.", width: width, inner: inner, configuration.activation,
                        precision))
        }
    }
}
