internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// `tokenreel encode`.
struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode", abstract: "Write all tokens of a video, unreduced, as a token grid.",
        discussion: """
            The grid can be reduced later, here or elsewhere. Without -o the grid of clip.mp4 is clip.safetensors in the \
            current folder.

            A grid carries saliency and, with --query-model, patch embeddings, of which words can be asked later. What else \
            a method needs (see tokenreel methods) is written with --signals: \(SignalsArgument.names). Which of them there \
            are depends on the model.
            """)

    @Argument(help: "A video, an address, or -.")
    var input: String

    @OptionGroup var output: OutputOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions

    @Option(
        help: ArgumentHelp(
            "Signals to write for methods that need them: names with commas between, or all that there are.",
            valueName: "all|name,…"))
    var signals: SignalsArgument?

    @Option(help: "How tokens are stored: f16, bf16 or f32.")
    var dtype: TokenDType = .f32

    @Option(
        help: ArgumentHelp(
            "Write blocks of this many tokens a side as one long token each, without loss.", valueName: "side"))
    var shuffle: Int?

    @OptionGroup var threads: ThreadOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Talk") var talk: TalkOptions

    func run() throws {
        let console = talk.console
        try console.ending { () throws(TokenReelError) in
            var pipeline = try sampling.pipeline(model, limits, threads: threads.count())
            if let signals { pipeline.signals = try signals.among(pipeline.availableSignals) }
            let source = InputSource(argument: input)
            let target = output.target ?? OutputNames.targets(for: [BatchInput(source: source)], in: nil)[0]
            try target.check(against: [source], mayOverwrite: output.overwrite)
            let layout = try makeLayout(for: pipeline.encoder)
            let opened = try OpenInput(
                source, name: output.sourceName, limits: limits.limits, cancellation: Interruption.cancellation)
            guard !opened.isGrid else {
                throw TokenReelError(
                    .unsupportedInput, subject: input, found: "a token grid already", allowed: "a video")
            }
            let progress = ProgressDisplay(isShown: talk.showsProgress, total: 1)
            let encoded = try pipeline.encode(opened) { progress.update(0, named: source.name, $0) }
            progress.finish()
            var metadata = try pipeline.gridProvenance(of: opened, encoded)
            metadata["space_to_depth"] = layout.map { "\($0.side)" }
            let grid = try layout.map(encoded.grid.stacked) ?? encoded.grid
            try target.write(grid.contents(metadata, dtype), cancellation: Interruption.cancellation)
            let notices = pipeline.encoder.notices + (encoded.video?.statistics.notices ?? [])
            try tell(encoded, notices, target, console)
            return .success
        }
    }

    /// Sides that do not fit are refused before the video is decoded, where the sides of its grid are known by then.
    private func makeLayout(for encoder: any FrameEncoder) throws(TokenReelError) -> SpaceToDepth? {
        guard let shuffle else { return nil }
        let layout = try SpaceToDepth(side: shuffle)
        guard !encoder.fitsVideos else { return layout }
        _ = try layout.stackedShape(
            of: GridShape(frames: 1, rows: encoder.rows, columns: encoder.columns, channels: encoder.channels))
        return layout
    }

    private func tell(
        _ encoded: EncodedInput, _ notices: [String], _ target: OutputTarget, _ console: Console
    ) throws(TokenReelError) {
        let seconds = encoded.video?.stages ?? []
        if output.json {
            let members = JSONValue.members([
                "input": .string(input), "output": .string(target.name), "status": .string("done"),
                "video": encoded.video.map { $0.info.json },
                "grid": encoded.grid.shape.json,
                "seconds": seconds.json,
                "decoding": encoded.video.map { $0.statistics.json },
                "notices": .array(notices.map(JSONValue.string)),
                "peak_memory_bytes": .integer(ProcessMemory.peakBytes),
            ])
            return try Console.result(JSONValue.report(members).text)
        }
        var lines = ["\(Console.printable(input)) -> \(Console.printable(target.name))"]
        if let video = encoded.video { lines.append(ReduceText.line("video", ReduceText.describe(video.info))) }
        lines.append(ReduceText.line("grid", ReduceText.describe(encoded.grid.shape)))
        lines.append(
            ReduceText.line(
                "seconds", seconds.map { "\($0.stage) \(Figures.fixed($0.seconds, 2))" }.joined(separator: ", ")))
        for notice in notices {
            lines.append(ReduceText.line("note", Console.printable(notice)))
        }
        try target.tell(lines.joined(separator: "\n"), console)
    }
}
