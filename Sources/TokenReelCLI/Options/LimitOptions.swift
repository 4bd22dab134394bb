internal import ArgumentParser
internal import TokenCore

/// The most that one input may cost.
struct LimitOptions: ParsableArguments {
    @Option(help: "Pixels of one picture. (default: 33554432, which fits 8K)")
    var maxPixels: Int?

    @Option(help: "Frames taken from one input. (default: 100000)")
    var maxFrames: Int?

    @Option(help: "Bytes read from one input.")
    var maxBytes: Int?

    @Option(help: "Bytes of one token grid, in memory or on disk. (default: 68719476736)")
    var maxGridBytes: Int?

    @Option(help: "Seconds to open and decode one input. (default: 86400)")
    var maxSeconds: Double?

    mutating func validate() throws {
        let counts = [
            ("--max-pixels", maxPixels), ("--max-frames", maxFrames), ("--max-bytes", maxBytes),
            ("--max-grid-bytes", maxGridBytes),
        ]
        for case (let option, let count?) in counts where count < 1 {
            throw ValidationError("\(option) must be 1 or more, not \(count).")
        }
        if let maxSeconds, !(maxSeconds > 0) {
            throw ValidationError("--max-seconds must be above 0, not \(maxSeconds).")
        }
    }

    var limits: Limits {
        var limits = Limits()
        if let maxPixels { limits.pixelsPerFrame = maxPixels }
        if let maxFrames { limits.sampledFrames = maxFrames }
        if let maxBytes { limits.inputBytes = maxBytes }
        if let maxGridBytes { limits.gridBytes = maxGridBytes }
        if let maxSeconds { limits.seconds = maxSeconds }
        return limits
    }
}
