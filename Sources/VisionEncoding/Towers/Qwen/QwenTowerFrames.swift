public import TokenCore

extension QwenTower {
    /// Nil: frames of any size are brought to the size that the tower is fitted to.
    public var frameSize: (width: Int, height: Int)? { nil }
    /// Frames that one patch covers, which is 2 in published models.
    public var framesPerGroup: Int { vision.configuration.framesPerPatch }
    /// True: frames keep the shape of their video.
    public var fitsVideos: Bool { true }
    /// The processor's `sample_frames`.
    public var frameSpread: FrameSpread? { settings.spread }
    /// Says so where bf16 was asked for and is not to be had.
    public var notices: [String] { options.precision.notices }

    /// Signals that ``encode(_:signals:)`` can give; see ``VisionTower/signals`` for what they are.
    ///
    /// Attention is that of the layer, so where it stays in windows a patch receives it from its window alone.
    public var signals: Set<Signal> {
        var signals: Set<Signal> = reading.running > 0 ? [.valueNorms] : []
        if options.saliency != .none { signals.insert(.saliency) }
        if reading.reachesObjectLayer { signals.insert(.objectSaliency) }
        return signals
    }

    /// The model's family and the numbers by which its language model places tokens.
    public var facts: [String: String] {
        let configuration = vision.configuration
        return [
            "space": space.rawValue, "family": configuration.version.family,
            "patch_size": "\(configuration.patchSide)", "spatial_merge_size": "\(configuration.mergeSide)",
            "temporal_patch_size": "\(configuration.framesPerPatch)",
        ].merging(configuration.tokensPerSecond.map { ["tokens_per_second": "\($0)"] } ?? [:]) { fact, _ in fact }
    }

    /// The grid in patches, and the rate and frames that the processor's metadata would state.
    public func facts(of grid: GridShape) -> [String: String] {
        var facts = ["grid_thw": "\(grid.frames),\(layout.grid.rows),\(layout.grid.columns)"]
        facts["fps"] = outline.sampledRate.map { "\($0)" }
        facts["video_fps"] = outline.frameRate.map { "\($0)" }
        facts["frame_indices"] = outline.frameIndices.map { $0.map(String.init).joined(separator: ",") }
        return facts
    }

    /// Encodes one frame as if it was shown for the whole group.
    public func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
        try encode([frame], signals: signals, workers: 1)
    }

    /// Encodes a group; one that is not full repeats its last frame, as the processor does.
    public func encode(
        _ group: [VideoFrame], signals: Set<Signal>, workers: Int
    ) throws(TokenReelError) -> EncodedFrame {
        guard 1...framesPerGroup ~= group.count else {
            throw TokenReelError(
                .invalidArgument, subject: "group for \(name)", found: "\(group.count) frames",
                allowed: "1 to \(framesPerGroup)")
        }
        for frame in group { try check(frame) }
        let pixels = group.map(preprocessor.pixels)
        let repeats = Array(repeating: pixels[pixels.count - 1], count: framesPerGroup - pixels.count)
        return encode(pixels: pixels + repeats, signals: signals, workers: workers)
    }

    /// The start of the group for Qwen2.5-VL, whose positions count from there; the mean of its first and last frame
    /// for Qwen3-VL, whose prompt states that.
    public func seconds(of group: [VideoFrame]) -> Double {
        let first = group[0].pts.seconds
        switch vision.configuration.version {
        case .qwen2_5: return first
        case .qwen3: return (first + group[group.count - 1].pts.seconds) / 2
        }
    }

    /// A frame at the size at which it is cut into patches.
    public func picture(of frame: VideoFrame) throws(TokenReelError) -> VideoFrame {
        try check(frame)
        return preprocessor.resized(frame)
    }

    /// Turns an exemplar into one query vector: the mean direction of the tokens in the middle half of the picture,
    /// which is encoded at the size that the model gives a video of it.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if the picture has no pixels,
    ///   ``TokenReelError/Code/unsupportedInput`` if the model can't take its shape.
    public func query(from image: VideoFrame) throws(TokenReelError) -> Query {
        try check(image)
        let tower = try fitted(to: VideoOutline(width: image.width, height: image.height, frames: framesPerGroup))
        return try Query(
            middleOf: try tower.encode(image, signals: []).tokens, rows: tower.rows, columns: tower.columns)
    }
}
