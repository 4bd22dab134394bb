internal import TensorOps
public import TokenCore

/// The vision tower of a Hugging Face checkpoint: CLIP, SigLIP, SigLIP2 of fixed resolution, or LLaVA-OneVision.
///
/// ```swift
/// let folder = try CheckpointFolder("llava-onevision-qwen2-7b-ov-hf")
/// let pipeline = Pipeline(encoder: try VisionTower(folder))
/// ```
///
/// A frame is encoded in single precision unless ``VisionTowerOptions/precision`` says otherwise. Weights are shared by
/// all threads; each frame under way takes a workspace of about `4 n (6 width + inner)` bytes for `n` tokens, kept for
/// the next one.
public struct VisionTower: FrameEncoder {
    /// The checkpoint's `model_type`.
    public let modelType: String
    /// Model, fingerprint of weights and preprocessing, space, layer and saliency: towers of equal name make equal
    /// tokens, wherever their folders lie.
    public let name: String
    /// What is read from the model.
    public let options: VisionTowerOptions
    /// The space of the tokens.
    public let space: FeatureSpace
    /// What products are computed in, which may be less than what was asked for.
    public let precision: Precision
    /// Numbers of one token.
    public let channels: Int
    /// LLaVA-OneVision's `image_newline [channels]`, which ends the tokens of a video; nil elsewhere, and in tower space.
    public let newline: [Float]?

    let vision: VisionTransformer
    let projector: Projector?
    let shared: SharedSpace?
    /// Whether every layer runs, so that what follows the last one has a meaning.
    let runsAllLayers: Bool
    /// Whether tower tokens have gone through the final norm, as SigLIP's `last_hidden_state` has.
    let tokensAreNormed: Bool
    let workspaces: WorkspacePool
    /// Brings frames to the size and range that the model was trained on.
    let preprocessor: ImagePreprocessor

    /// Reads the vision tower of a checkpoint.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint lacks what `options` ask for,
    ///   ``TokenReelError/Code/unreadableInput`` for weights that are missing or broken, naming file and tensor,
    ///   ``TokenReelError/Code/invalidArgument`` for a layer that does not exist.
    public init(
        _ folder: CheckpointFolder, options: VisionTowerOptions = VisionTowerOptions()
    ) throws(TokenReelError) {
        let folder = CheckpointFolder(folder)
        guard let configuration = folder.configuration.vision,
            let prefix = try folder.prefix(of: PatchEmbedding.landmark)
        else {
            throw folder.unsupported(
                "no vision tower in a \(folder.modelType) checkpoint", "a checkpoint with a vision tower")
        }
        self.options = options
        modelType = folder.modelType
        let isLLaVA = folder.configuration.modelType == .llavaOneVision
        space = options.space ?? (isLLaVA ? .pooled : .tower)
        let layer = options.layer ?? folder.configuration.featureLayer
        let depth = try VisionTowerOptions.depth(layer, of: configuration.layers)
        runsAllLayers = depth == configuration.layers
        tokensAreNormed = configuration.family == .siglip && layer == nil
        precision = options.precision.available
        vision = try VisionTransformer(folder, prefix, configuration, depth: depth, precision)
        projector =
            isLLaVA && space != .tower ? try Projector(folder, inputs: configuration.width, precision) : nil
        shared = isLLaVA ? nil : try SharedSpace(folder, prefix, configuration)
        newline = projector?.newline
        channels = projector?.outputs ?? (space == .tower ? configuration.width : shared?.channels(configuration) ?? 0)
        workspaces = Self.workspaces(vision, projectedChannels: projector?.outputs ?? 0, precision)
        preprocessor = try Self.preprocessor(folder, configuration, showsWholeFrame: options.showsWholeFrame)
        name = options.name(
            folder, settings: "\(folder.configuration) \(preprocessor.settings)", space, layer, precision)
        try checkOptions(in: folder)
    }

    private static func workspaces(_ vision: VisionTransformer, projectedChannels: Int, _ precision: Precision)
        -> WorkspacePool
    {
        let configuration = vision.configuration
        // The projector holds its inner states and, at a quarter of their number, the sampled ones.
        let inner = max(
            configuration.innerWidth, PatchEmbedding.inputs(configuration), 2 * projectedChannels)
        return WorkspacePool(
            WorkspaceShape(
                tokens: vision.tokens, width: configuration.width, inner: inner, precision: precision))
    }

    private func checkOptions(in folder: CheckpointFolder) throws(TokenReelError) {
        if options.leastPixels != nil || options.mostPixels != nil {
            throw folder.unsupported("a budget of pixels for a tower of one resolution", "none")
        }
        if space == .pooled, projector == nil {
            throw folder.unsupported("feature space pooled of a \(modelType) checkpoint", "tower or projected")
        }
        if space == .projected, projector == nil, shared == nil {
            throw folder.unsupported("feature space projected of a tower without a projection", "tower")
        }
        switch options.saliency {
        case .none, .received: break
        case .classToken:
            guard vision.embedding.classTokens == 1 else {
                throw folder.unsupported("saliency class of a tower without a class token", "none, received, probe")
            }
        case .probe:
            guard hasHead, runsAllLayers else {
                throw folder.unsupported(
                    "saliency probe without SigLIP's pooling head after the last layer", "none, received, class")
            }
        }
        try reading.check()
    }

    var hasHead: Bool { if case .head = shared { true } else { false } }

    // MARK: Shape

    /// Pixels along one side of the square input.
    public var imageSide: Int { vision.configuration.imageSide }
    /// Patches along one side, before any pooling.
    public var patchesPerSide: Int { vision.configuration.patchesPerSide }
    /// Token rows of a frame.
    public var rows: Int { space == .pooled ? (patchesPerSide + 1) / 2 : patchesPerSide }
    /// Token columns of a frame.
    public var columns: Int { rows }
    /// Numbers of a vector in the space shared with text; nil if the checkpoint has no way there.
    public var sharedChannels: Int? { shared?.channels(vision.configuration) }

    // MARK: Encoding

    /// Encodes a frame of normalised pixels, `[3, imageSide, imageSide]`, as the model's image processor makes them.
    package func encode(
        pixels: UnsafeBufferPointer<Float>, signals: Set<Signal>, workers: Int = 1
    ) throws(TokenReelError) -> EncodedFrame {
        guard pixels.count == 3 * imageSide * imageSide else {
            throw TokenReelError(
                .invalidArgument, subject: "pixels for \(modelType)", found: "\(pixels.count) numbers",
                allowed: "3 x \(imageSide) x \(imageSide)")
        }
        let signals = signals.intersection(self.signals)
        return workspaces.withWorkspace(workers: workers) { workspace in
            let attention = vision.run(pixels, workspace, watching: reading.watched(for: signals))
            var frame = EncodedFrame(tokens: tokens(workspace))
            if signals.contains(.patchEmbeddings) { frame.patchEmbeddings = patchEmbeddings(workspace) }
            if signals.contains(.frameFeatures) { frame.frameFeature = pool(workspace)?.feature }
            if signals.contains(.saliency), options.saliency == .probe {
                frame.saliency = pool(workspace).map { onTokens($0.attention[...]) }
            }
            reading.fill(&frame, with: attention, signals) {
                onTokens($0.dropFirst(vision.embedding.classTokens))
            }
            return frame
        }
    }

    // MARK: Steps

    func normed(_ states: MatrixView, _ workspace: Workspace) -> MatrixView {
        let normed = workspace.normed(states.rows)
        vision.postNorm.apply(states, into: normed)
        return normed.readOnly
    }

    /// The patches' states, without a class token.
    private func patchStates(_ workspace: Workspace) -> MatrixView {
        let states = workspace.states(vision.tokens)
        return states.part(rows: vision.embedding.classTokens..<vision.tokens, columns: 0..<states.columns).readOnly
    }

    private func tokens(_ workspace: Workspace) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows * columns * channels) { tokens, count in
            if let base = tokens.baseAddress {
                writeTokens(to: MutableMatrixView(base, rows: rows * columns, columns: channels), workspace)
            }
            count = rows * columns * channels
        }
    }

    private func writeTokens(to output: MutableMatrixView, _ workspace: Workspace) {
        let states = patchStates(workspace)
        switch space {
        case .tower:
            if tokensAreNormed {
                vision.postNorm.apply(states, into: output)
            } else {
                output.base.update(from: states.base, count: output.rows * output.columns)
            }
        case .projected:
            if let projector {
                projector.project(states, into: output, workspace)
            } else {
                shared?.bring(normed(states, workspace), into: output, workspace)
            }
        case .pooled: projector?.projectAndPool(states, side: patchesPerSide, into: output, workspace)
        }
    }

    private func patchEmbeddings(_ workspace: Workspace) -> [Float]? {
        guard let shared, let width = sharedChannels else { return nil }
        let states = patchStates(workspace)
        return [Float](unsafeUninitializedCapacity: states.rows * width) { output, count in
            if let base = output.baseAddress {
                shared.bring(
                    normed(states, workspace), into: MutableMatrixView(base, rows: states.rows, columns: width),
                    workspace)
            }
            count = states.rows * width
        }
    }

    /// The frame's own vector, and where SigLIP's probe looked for it; nil below the last layer.
    ///
    /// The vector is what SigLIP's head pools, or CLIP's class token after the final norm and, where the file holds it, the
    /// projection.
    private func pool(_ workspace: Workspace) -> (feature: [Float], attention: [Float])? {
        guard runsAllLayers else { return nil }
        if case .head(let head) = shared {
            let pooled = head.pool(normed(patchStates(workspace), workspace), workspace)
            return (pooled.embedding, pooled.attention)
        }
        guard vision.embedding.classTokens == 1 else { return nil }
        let state = normed(workspace.states(1).readOnly, workspace)
        guard case .projection(let linear) = shared else {
            return (Array(UnsafeBufferPointer(start: state.base, count: state.columns)), [])
        }
        let feature = [Float](unsafeUninitializedCapacity: linear.outputs) { output, count in
            if let base = output.baseAddress {
                linear.apply(state, into: MutableMatrixView(base, rows: 1, columns: linear.outputs))
            }
            count = linear.outputs
        }
        return (feature, [])
    }

    /// A number for each patch as one for each token.
    private func onTokens(_ values: ArraySlice<Float>) -> [Float] {
        space == .pooled ? GridResampler(halving: patchesPerSide).map(Array(values), channels: 1) : Array(values)
    }
}
