internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// A time on the clock of a video: `90`, `90s`, `1:30` or `00:01:30.5`.
struct TimeArgument: ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
        let text = argument.hasSuffix("s") ? String(argument.dropLast()) : argument
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard 1...3 ~= fields.count, argument == text || fields.count == 1 else { return nil }
        var seconds = 0.0
        for (index, field) in fields.enumerated() {
            // Only the last field may have a fraction, and only the first may be above 59.
            let isLast = index == fields.count - 1
            guard let value = Double(field), value.isFinite, value >= 0, field.allSatisfy({ $0.isNumber || $0 == "." }),
                isLast || !field.contains("."), index == 0 || value < 60
            else { return nil }
            seconds = seconds * 60 + value
        }
        self.seconds = seconds
    }
}

/// `14x14`: token rows and columns.
struct GridArgument: ExpressibleByArgument {
    let rows: Int
    let columns: Int

    init?(argument: String) {
        let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let rows = sides[0], let columns = sides[1] else { return nil }
        self.rows = rows
        self.columns = columns
    }
}

/// `32` or `all`.
struct FrameCountArgument: ExpressibleByArgument {
    let sampling: FrameSampling

    init?(argument: String) {
        if argument == "all" {
            sampling = .all
        } else if let count = Int(argument) {
            sampling = .count(count)
        } else {
            return nil
        }
    }
}

/// How many frames to take in a second, and how to cut them into patches.
struct FrameOptions: ParsableArguments {
    @Option(help: "Frames per second to take. (default: 1, or the model's own)")
    var fps: Double?

    @Option(help: ArgumentHelp("Token rows and columns of the built-in encoder. (default: 14x14)", valueName: "RxC"))
    var grid: GridArgument?

    /// A pipeline of these settings, a model and a number of threads.
    func pipeline(_ model: ModelOptions, threads: Int) throws(TokenReelError) -> Pipeline {
        var pipeline = Pipeline(encoder: try model.paired(try encoder(model)))
        if let fps { pipeline.sample(.rate(fps)) }
        pipeline.decodeOptions.threads = threads
        pipeline.request.workers = threads
        return pipeline
    }

    private func encoder(_ model: ModelOptions) throws(TokenReelError) -> any FrameEncoder {
        guard let tower = try model.tower() else {
            return try DescriptorEncoder(rows: grid?.rows ?? 14, columns: grid?.columns ?? 14)
        }
        guard grid == nil else {
            throw TokenReelError(
                .invalidArgument, subject: "--grid", found: "a grid for the built-in encoder together with --model",
                remedy: "leave one of them out")
        }
        return tower
    }
}

/// Which frames to take from a video and how to cut them into patches.
struct SamplingOptions: ParsableArguments {
    @OptionGroup(title: "Sampling") var frame: FrameOptions

    @Option(help: ArgumentHelp("Take that many frames spread evenly, or all.", valueName: "N|all"))
    var frames: FrameCountArgument?

    @Flag(help: "Take the frames that the container marks as key frames.")
    var keyframes = false

    @Option(help: ArgumentHelp("Where to begin: 90, 90s, 1:30 or 00:01:30.5.", valueName: "time"))
    var start: TimeArgument?

    @Option(help: ArgumentHelp("Where to end.", valueName: "time"))
    var end: TimeArgument?

    @Option(help: "Which video stream, counted from 0.")
    var stream: Int?

    mutating func validate() throws {
        guard [frame.fps != nil, frames != nil, keyframes].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give only one of --fps, --frames and --keyframes.")
        }
    }

    /// A pipeline with these settings, model and limits.
    func pipeline(_ model: ModelOptions, _ limits: LimitOptions, threads: Int) throws(TokenReelError) -> Pipeline {
        var pipeline = try frame.pipeline(model, threads: threads)
        switch frames?.sampling {
        case .count(let count): pipeline.sample(.count(count))
        case let sampling?: pipeline.decodeOptions.sampling = sampling
        case nil: break
        }
        if keyframes { pipeline.decodeOptions.sampling = .keyframes }
        pipeline.decodeOptions.start = start?.seconds
        pipeline.decodeOptions.end = end?.seconds
        pipeline.decodeOptions.stream = stream
        pipeline.decodeOptions.limits = limits.limits
        pipeline.request.cancellation = Interruption.cancellation
        return pipeline
    }
}
