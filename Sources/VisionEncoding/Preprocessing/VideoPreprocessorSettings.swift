public import TokenCore

/// How a Qwen-VL checkpoint wants its videos: which frames, of what size, in what range of numbers.
public struct VideoPreprocessorSettings: Sendable, Equatable {
    /// Filter and range of numbers; the size is left to ``budget``.
    public var frames: PreprocessorSettings
    /// What decides the size of frames.
    public var budget: PixelBudget
    /// Which frames are taken.
    public var spread: FrameSpread

    /// Makes settings.
    public init(frames: PreprocessorSettings, budget: PixelBudget, spread: FrameSpread) {
        self.frames = frames
        self.budget = budget
        self.spread = spread
    }
}

extension VideoPreprocessorSettings {
    /// Reads a checkpoint's settings from the file that ``PreprocessorSettings/init(folder:)`` would read.
    ///
    /// Where the file names no rate, 2 frames a second are taken: Qwen2.5-VL's processor then takes all that it is
    /// given, and the model's own tools give it 2 a second.
    ///
    /// - Throws: ``TokenReelError/Code/unreadableInput`` or ``TokenReelError/Code/unsupportedInput``, naming file and key.
    init(folder: String, _ configuration: QwenConfiguration) throws(TokenReelError) {
        let file = try PreprocessorFile(folder: folder)
        let isThird = configuration.version == .qwen3
        let (side, classSide) = (configuration.tokenSide, isThird ? 32 : 28)
        for (key, expected) in [
            ("patch_size", configuration.patchSide), ("merge_size", configuration.mergeSide),
            ("temporal_patch_size", configuration.framesPerPatch),
        ] as [(StaticString, Int)] {
            guard try file.count(key, default: expected) == expected else {
                throw file.refusal(key, file.tree[key], allowed: "\(expected), as in config.json")
            }
        }
        guard try file.boolean("do_resize") ?? true else {
            throw file.refusal("do_resize", file.tree["do_resize"], allowed: "true", code: .unsupportedInput)
        }
        let half = [0.5, 0.5, 0.5]
        let defaults = PreprocessorSettings(
            size: .unchanged, mean: isThird ? half : PreprocessorFile.clipMean,
            std: isThird ? half : PreprocessorFile.clipStd)
        var frames = PreprocessorSettings(size: .unchanged)
        frames.filter = try file.filter()
        try file.readRange(into: &frames, default: defaults)

        let size = file.tree["size"]
        func edge(_ name: StaticString, old: StaticString, _ standard: Int) throws(TokenReelError) -> Int {
            if !isThird, let value = file.tree[old], !value.isNull { return try file.count(old, value) }
            if let value = size?[name], !value.isNull { return try file.count("size", value) }
            return standard
        }
        let fewest = try edge("shortest_edge", old: "min_pixels", 128 * classSide * classSide)
        let most = try edge("longest_edge", old: "max_pixels", 768 * classSide * classSide)
        guard fewest <= most else {
            throw file.refusal("size", size, allowed: "a shortest_edge that is not above the longest_edge")
        }
        let isCapped = try file.boolean("cap_pixels_per_frame") ?? false
        let cap = try file.count("max_video_tokens", default: isThird ? 768 : 128_000)
        let budget = PixelBudget(
            pixels: fewest...most, scope: isThird ? .video : .frame, tokenSide: side,
            framesPerToken: configuration.framesPerPatch, cappedTokens: isCapped ? cap : nil)

        let bounds = (try file.count("min_frames", default: 4), try file.count("max_frames", default: 768))
        guard bounds.0 <= bounds.1 else {
            throw file.refusal("min_frames", file.tree["min_frames"], allowed: "at most max_frames, \(bounds.1)")
        }
        var wanted = FrameSpread.Wanted.rate(2)
        if let value = file.tree["num_frames"], !value.isNull {
            wanted = .count(try file.count("num_frames", value))
        } else if let value = file.tree["fps"], !value.isNull {
            guard let rate = value.double, rate > 0, rate <= 1000 else {
                throw file.refusal("fps", value, allowed: "above 0 and up to 1000")
            }
            wanted = .rate(rate)
        }
        self.init(
            frames: frames, budget: budget,
            spread: FrameSpread(
                wanted, bounds: bounds.0...bounds.1, multiple: isThird ? 1 : configuration.framesPerPatch,
                isThird ? .endToEnd : .partStarts))
    }
}
