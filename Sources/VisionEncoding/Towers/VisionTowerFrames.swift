internal import TensorOps
public import TokenCore

extension VisionTower {
    /// Nil: frames of any size are brought to the model's own as its image processor does.
    public var frameSize: (width: Int, height: Int)? { nil }

    /// Says so where bf16 was asked for and is not to be had.
    public var notices: [String] { options.precision.notices }

    /// The tokens' space, the part of a frame that is encoded, and where the model's newline goes if it has one.
    public var facts: [String: String] {
        var facts = ["space": space.rawValue]
        facts["centre_square"] = centreShare.map { "\($0)" }
        if newline != nil { facts["newline"] = "after the last token" }
        return facts
    }

    /// The side of the square that the image processor cuts from the middle of a frame, as CLIP's do, as a share of the
    /// frame's shorter edge.
    private var centreShare: Double? {
        guard let crop = preprocessor.settings.crop, case .shortestEdge(let edge) = preprocessor.settings.size else {
            return nil
        }
        return Double(crop.width) / Double(edge)
    }

    /// Whether the image processor leaves the frame whole.
    public var showsWholeFrame: Bool { preprocessor.settings.crop == nil }

    /// What the folder's image processor does, or the same without cutting anything off.
    static func preprocessor(
        _ folder: CheckpointFolder, _ configuration: TowerConfiguration, showsWholeFrame: Bool
    ) throws(TokenReelError) -> ImagePreprocessor {
        let preprocessor = try ImagePreprocessor(folder: folder.path)
        let side = configuration.imageSide
        guard preprocessor.outputSize == (side, side) else {
            throw folder.unsupported(
                "pictures of \(preprocessor.outputSize.width) x \(preprocessor.outputSize.height) pixels "
                    + "from preprocessor_config.json", "\(side) x \(side), the image_size of config.json")
        }
        guard showsWholeFrame else { return preprocessor }
        var settings = preprocessor.settings
        settings.size = .exact(width: side, height: side)
        settings.crop = nil
        return try ImagePreprocessor(settings)
    }

    /// Encodes one frame; see ``FrameEncoder/encode(_:signals:)``.
    public func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
        try encode([frame], signals: signals, workers: 1)
    }

    /// Encodes the one frame of a group.
    public func encode(
        _ group: [VideoFrame], signals: Set<Signal>, workers: Int
    ) throws(TokenReelError) -> EncodedFrame {
        let frame = try onlyFrame(of: group)
        try check(frame)
        return try preprocessor.pixels(of: frame).withUnsafeBufferPointer { pixels throws(TokenReelError) in
            try encode(pixels: pixels, signals: signals, workers: workers)
        }
    }

    /// What the image processor leaves of a frame, without the pixels right and below of the last whole patch.
    public func picture(of frame: VideoFrame) throws(TokenReelError) -> VideoFrame {
        try check(frame)
        let resized = preprocessor.resized(frame)
        let side = patchesPerSide * vision.configuration.patchSide
        let pixels = (0..<side).flatMap { line in
            resized.pixels[3 * line * resized.width..<3 * (line * resized.width + side)]
        }
        return VideoFrame(width: side, height: side, pixels: pixels, pts: frame.pts)
    }

    /// Every hidden state of a frame of normalised pixels, the input of the first layer first: `[n, width]` each, with
    /// the class token where there is one.
    package func hiddenStates(of pixels: [Float]) -> [[Float]] {
        workspaces.withWorkspace { workspace in
            var states: [[Float]] = []
            _ = pixels.withUnsafeBufferPointer { pixels in
                vision.run(pixels, workspace) { _, state in
                    states.append(Array(UnsafeBufferPointer(start: state.base, count: state.rows * state.columns)))
                }
            }
            return states
        }
    }

    /// Turns an exemplar into one query vector: the mean direction of the tokens in the middle half of the picture.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the picture has no pixels.
    public func query(from image: VideoFrame) throws(TokenReelError) -> Query {
        try Query(middleOf: try encode(image, signals: []).tokens, rows: rows, columns: columns)
    }

    /// Brings tokens into the space that the checkpoint's text embeddings lie in, each on its own; tokens in
    /// ``FeatureSpace/projected`` lie there already.
    ///
    /// Works a frame at a time, so that a whole grid gives the same bytes as its frames one by one.
    ///
    /// - Parameter tokens: `[n, channels]`, as this tower wrote them.
    /// - Returns: `[n, sharedChannels]`, not normalised.
    /// - Throws: ``TokenReelError/Code/unsupportedInput`` if the checkpoint has no way there,
    ///   ``TokenReelError/Code/invalidArgument`` for tokens of another width.
    public func sharedVectors(of tokens: UnsafeBufferPointer<Float>) throws(TokenReelError) -> [Float] {
        guard let shared, let outputs = sharedChannels else {
            throw TokenReelError(
                .unsupportedInput, subject: "\(modelType) checkpoint", found: "no space shared with text",
                allowed: "a CLIP or SigLIP checkpoint with both towers")
        }
        guard tokens.count.isMultiple(of: channels) else {
            throw TokenReelError(
                .invalidArgument, subject: "tokens for the shared space", found: "\(tokens.count) numbers",
                allowed: "rows of \(channels)")
        }
        guard space == .tower else { return Array(tokens) }
        let count = tokens.count / channels
        return workspaces.withWorkspace { workspace in
            [Float](unsafeUninitializedCapacity: count * outputs) { output, written in
                if let source = tokens.baseAddress, let target = output.baseAddress {
                    for rows in Rows.blocks(of: count, size: patchesPerSide * patchesPerSide) {
                        let block = MatrixView(source + rows.lowerBound * channels, rows: rows.count, columns: channels)
                        shared.bring(
                            tokensAreNormed ? block : normed(block, workspace),
                            into: MutableMatrixView(
                                target + rows.lowerBound * outputs, rows: rows.count, columns: outputs), workspace)
                    }
                }
                written = count * outputs
            }
        }
    }
}
