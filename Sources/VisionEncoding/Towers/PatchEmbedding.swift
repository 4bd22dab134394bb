internal import TensorOps
internal import TokenCore

/// Turns normalised pixels into the states that the first layer reads.
///
///     x[class + r * columns + c] = W * pixels[:, r P ..< (r + 1) P, c P ..< (c + 1) P] + b + position
///
/// CLIP puts a class token first. Pixels right and below of the last whole patch are unused.
struct PatchEmbedding: Sendable {
    private let configuration: TowerConfiguration
    private let projection: Linear
    private let classToken: TensorBuffer<Float>?
    private let positions: TensorBuffer<Float>

    /// The weight that every layout has once, by which the tower's prefix is found.
    static let landmark = "embeddings.patch_embedding.weight"

    /// Numbers of one patch: three colours of its pixels.
    static func inputs(_ configuration: TowerConfiguration) -> Int {
        3 * configuration.patchSide * configuration.patchSide
    }

    init(
        _ folder: CheckpointFolder, _ prefix: String, _ configuration: TowerConfiguration
    ) throws(TokenReelError) {
        self.configuration = configuration
        let (width, side) = (configuration.width, configuration.patchSide)
        let isCLIP = configuration.family == .clip
        let name = "\(prefix)embeddings.patch_embedding"
        projection = Linear(
            weight: try folder.weights("\(name).weight", shape: [width, 3, side, side]),
            bias: isCLIP
                ? TensorBuffer([Float](repeating: 0, count: width))
                : try folder.weights("\(name).bias", shape: [width]),
            Self.inputs(configuration), width, .f32)
        classToken = isCLIP ? try folder.weights("\(prefix)embeddings.class_embedding", shape: [width]) : nil
        let count = configuration.patchesPerSide * configuration.patchesPerSide + (isCLIP ? 1 : 0)
        positions = try folder.weights("\(prefix)embeddings.position_embedding.weight", shape: [count, width])
    }

    /// Tokens before the first patch: 1 with a class token.
    var classTokens: Int { classToken == nil ? 0 : 1 }
    /// Tokens of a frame, the class token included.
    var tokens: Int { configuration.patchesPerSide * configuration.patchesPerSide + classTokens }

    /// Writes the states of a frame of `[3, side, side]` pixels.
    func embed(_ pixels: UnsafeBufferPointer<Float>, _ workspace: Workspace) {
        let patches = tokens - classTokens
        let states = workspace.states(tokens)
        let cut = workspace.inner(patches, Self.inputs(configuration))
        cutPatches(pixels, into: cut)
        projection.apply(
            cut.readOnly, into: states.part(rows: classTokens..<tokens), workspace)
        classToken?.withUnsafeBufferPointer { token in
            _ = UnsafeMutableBufferPointer(start: states.base, count: token.count).update(fromContentsOf: token)
        }
        positions.withUnsafeBufferPointer { positions in
            Rows.add(
                positions, scale: 1, to: UnsafeMutableBufferPointer(start: states.base, count: positions.count))
        }
    }

    /// Lays the pixels of each patch in a row, colours first, as the convolution's weights lie.
    private func cutPatches(_ pixels: UnsafeBufferPointer<Float>, into output: MutableMatrixView) {
        let (image, patch, count) = (configuration.imageSide, configuration.patchSide, configuration.patchesPerSide)
        precondition(pixels.count == 3 * image * image, "pixels must be [3, side, side]")
        guard let source = pixels.baseAddress else { return }
        var target = output.base
        for row in 0..<count {
            for column in 0..<count {
                for colour in 0..<3 {
                    for line in 0..<patch {
                        let start = (colour * image + row * patch + line) * image + column * patch
                        target.update(from: source + start, count: patch)
                        target += patch
                    }
                }
            }
        }
    }
}
