internal import TensorOps
public import TokenCore

/// The vision tower of a Qwen2.5-VL or Qwen3-VL checkpoint, with the merger that brings it to the language model.
///
/// ```swift
/// let folder = try CheckpointFolder("Qwen2.5-VL-7B-Instruct")
/// let pipeline = Pipeline(encoder: try QwenTower(folder))
/// ```
///
/// One frame of the grid is a temporal group of two frames, and frames keep the shape of the video: see
/// ``VideoPreprocessorSettings``. Qwen3-VL's tokens come with the streams of its DeepStack, which its language model
/// adds to the states of its first layers.
///
/// Weights are shared by all threads and by the towers that ``fitted(to:)``
/// gives; each group under way takes a workspace of about `4 n (6 width + 2 inner)` bytes for `n` patches.
public struct QwenTower: FrameEncoder {
    /// The checkpoint's `model_type`.
    public let modelType: String
    /// Model, fingerprint of weights and preprocessing, space, layer and saliency: towers of equal name make equal
    /// tokens, wherever their folders lie.
    public let name: String
    /// What is read from the model.
    public let options: VisionTowerOptions
    /// The space of the tokens: ``FeatureSpace/projected``, or ``FeatureSpace/tower`` for the patches' states.
    public let space: FeatureSpace
    /// What products are computed in, which may be less than what was asked for.
    public let precision: Precision
    /// How videos are prepared.
    public let settings: VideoPreprocessorSettings

    let vision: QwenTransformer
    /// Nil in the tower's own space.
    let merger: PatchMerger?
    /// By the layer whose output they read.
    let deepstack: [Int: PatchMerger]
    /// What is known of the video that the tower is fitted to.
    let outline: VideoOutline
    let layout: QwenLayout
    let preprocessor: ImagePreprocessor
    private let workspaces: WorkspacePool

    /// Reads the vision tower of a checkpoint, fitted for the time being to frames of 448 x 448 pixels.
    ///
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint lacks what `options` ask for,
    ///   ``TokenReelError/Code/unreadableInput`` for weights that are missing or broken, naming file and tensor,
    ///   ``TokenReelError/Code/invalidArgument`` for a layer that does not exist.
    public init(
        _ folder: CheckpointFolder, options: VisionTowerOptions = VisionTowerOptions()
    ) throws(TokenReelError) {
        let folder = CheckpointFolder(folder)
        guard let configuration = folder.configuration.qwen,
            let prefix = try folder.prefix(of: QwenTransformer.landmark)
        else {
            throw folder.unsupported(
                "no Qwen-VL tower in a \(folder.modelType) checkpoint", "a Qwen2.5-VL or Qwen3-VL checkpoint")
        }
        self.options = options
        modelType = folder.modelType
        space = options.space ?? .projected
        precision = options.precision.available
        let depth = try VisionTowerOptions.depth(options.layer, of: configuration.layers)
        vision = try QwenTransformer(folder, prefix, configuration, depth: depth, precision)
        try Self.check(options, space, vision, in: folder)
        merger =
            space == .tower ? nil : try PatchMerger(folder, "\(prefix)merger.", configuration, precision)
        var deepstack: [Int: PatchMerger] = [:]
        // Below the last layer the tokens are not what the language model reads, with or without further streams.
        if space != .tower, depth == configuration.layers {
            for (index, layer) in configuration.deepstackLayers.enumerated() {
                deepstack[layer] = try PatchMerger(
                    folder, "\(prefix)deepstack_merger_list.\(index).", configuration, normsBlocks: true, precision)
            }
        }
        self.deepstack = deepstack
        var settings = try VideoPreprocessorSettings(folder: folder.path, configuration)
        try settings.budget.restrict(least: options.leastPixels, most: options.mostPixels)
        self.settings = settings
        name = options.name(
            folder, settings: "\(configuration) \(settings)", space, options.layer, precision)
        outline = VideoOutline(
            width: Self.exampleSide, height: Self.exampleSide, frames: configuration.framesPerPatch)
        (layout, preprocessor, workspaces) = try Self.fit(vision, settings, to: outline, precision)
    }

    private static func check(
        _ options: VisionTowerOptions, _ space: FeatureSpace, _ vision: QwenTransformer, in folder: CheckpointFolder
    ) throws(TokenReelError) {
        if space == .pooled {
            throw folder.unsupported("feature space pooled of a \(folder.modelType) checkpoint", "tower or projected")
        }
        if options.saliency == .classToken || options.saliency == .probe {
            throw folder.unsupported(
                "saliency \(options.saliency.rawValue) of a tower without a class token and pooling head",
                "none, received")
        }
        try AttentionReading(
            options: options, running: vision.transformer.layers.count, layers: vision.configuration.layers
        ).check()
    }

    // MARK: One video

    /// Pixels along one side of the frames that a tower is fitted to before it knows a video.
    package static let exampleSide = 448

    /// The same tower with other frames.
    private init(_ tower: QwenTower, fittedTo outline: VideoOutline) throws(TokenReelError) {
        (modelType, name, options, space) = (tower.modelType, tower.name, tower.options, tower.space)
        (precision, settings, vision) = (tower.precision, tower.settings, tower.vision)
        (merger, deepstack) = (tower.merger, tower.deepstack)
        self.outline = outline
        (layout, preprocessor, workspaces) = try Self.fit(vision, settings, to: outline, precision)
    }

    /// The tower for one video, whose frames it will bring to the size that the model's processor gives them.
    ///
    /// - Throws: What ``PixelBudget/size(width:height:frames:)`` throws, and ``TokenReelError/Code/limitExceeded`` for a
    ///   group of more patches than any published model allows.
    public func fitted(to video: VideoOutline) throws(TokenReelError) -> any FrameEncoder {
        try QwenTower(self, fittedTo: video)
    }

    /// Patches of a group, above the 98,304 that a published processor allows.
    private static let largestGroup = 1 << 17

    /// What all groups of a video share.
    private static func fit(
        _ vision: QwenTransformer, _ settings: VideoPreprocessorSettings, to video: VideoOutline, _ precision: Precision
    ) throws(TokenReelError) -> (QwenLayout, ImagePreprocessor, WorkspacePool) {
        let configuration = vision.configuration
        let size = try settings.budget.size(width: video.width, height: video.height, frames: video.frames)
        guard (size.width / configuration.patchSide) * (size.height / configuration.patchSide) <= largestGroup else {
            throw TokenReelError(
                .limitExceeded, subject: "video",
                found: "frames of \(size.width) x \(size.height) pixels for the model",
                allowed: "\(largestGroup) patches of \(configuration.patchSide) x \(configuration.patchSide) pixels",
                remedy: "lower --pixel-budget")
        }
        var frames = settings.frames
        frames.size = .exact(width: size.width, height: size.height)
        let grid = PatchGrid(
            rows: size.height / configuration.patchSide, columns: size.width / configuration.patchSide,
            mergeSide: configuration.mergeSide, windowSide: configuration.windowSide)
        let inner = [
            vision.transformer.layers.first?.feedForward.innerCount ?? 0, configuration.patchInputs,
            PatchMerger.innerCount(configuration),
        ]
        let workspaces = WorkspacePool(
            WorkspaceShape(
                tokens: grid.count, width: configuration.width, inner: inner.max() ?? 0, precision: precision))
        return (vision.layout(of: grid), try ImagePreprocessor(frames), workspaces)
    }

    // MARK: Shape

    /// Numbers of one token.
    public var channels: Int { merger?.outputs ?? vision.configuration.width }
    /// Token rows of a group.
    public var rows: Int { layout.grid.rows / tokenPatches }
    /// Token columns of a group.
    public var columns: Int { layout.grid.columns / tokenPatches }

    /// Patches along one side of a token.
    private var tokenPatches: Int { space == .tower ? 1 : vision.configuration.mergeSide }

    /// What is read from attention.
    var reading: AttentionReading {
        AttentionReading(
            options: options, running: vision.transformer.layers.count, layers: vision.configuration.layers)
    }

    // MARK: Encoding

    /// Encodes a group of frames of normalised pixels, each `[3, height, width]`, as the model's processor makes them.
    package func encode(pixels frames: [[Float]], signals: Set<Signal>, workers: Int = 1) -> EncodedFrame {
        let signals = signals.intersection(self.signals)
        return workspaces.withWorkspace(workers: workers) { workspace in
            var streams: [[Float]] = []
            let attention = vision.run(
                frames, layout, workspace, watching: reading.watched(for: signals)
            ) { index, states in
                guard let merger = deepstack[index - 1] else { return }
                streams.append(merger.tokens(of: states, layout.grid, workspace))
            }
            let states = workspace.states(layout.grid.count).readOnly
            var frame = EncodedFrame(
                tokens: merger?.tokens(of: states, layout.grid, workspace) ?? raster(states), deepstack: streams)
            reading.fill(&frame, with: attention, signals, onTokens: onTokens)
            return frame
        }
    }

    /// Every hidden state of a group, the input of the first layer first: `[patches, width]` each, in the order of
    /// transformers' states, window by window.
    package func hiddenStates(of frames: [[Float]]) -> [[Float]] {
        workspaces.withWorkspace { workspace in
            var states: [[Float]] = []
            vision.run(frames, layout, workspace) { _, state in
                states.append(Array(UnsafeBufferPointer(start: state.base, count: state.rows * state.columns)))
            }
            return states
        }
    }

    /// The patches' states, row by row.
    private func raster(_ states: MatrixView) -> [Float] {
        let width = states.columns
        return [Float](unsafeUninitializedCapacity: states.rows * width) { tokens, count in
            for (patch, place) in layout.grid.places.enumerated() {
                let index = place.row * layout.grid.columns + place.column
                _ = UnsafeMutableBufferPointer(rebasing: tokens[index * width..<(index + 1) * width]).initialize(
                    fromContentsOf: UnsafeBufferPointer(start: states.base + patch * states.stride, count: width))
            }
            count = states.rows * width
        }
    }

    /// A number for each patch, in the order of states, as one for each token: the mean over its block.
    private func onTokens(_ values: [Float]) -> [Float] {
        let raster = layout.grid.raster(values)
        guard space != .tower else { return raster }
        return GridResampler(averaging: (layout.grid.rows, layout.grid.columns), to: (rows, columns))
            .map(raster, channels: 1)
    }
}
