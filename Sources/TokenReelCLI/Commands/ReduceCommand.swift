internal import ArgumentParser
internal import TokenCore
internal import TokenReduction
internal import TokenReel

/// `tokenreel reduce`.
struct ReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reduce", abstract: "Reduce videos or token grids to few tokens.",
        discussion: """
            Inputs are video files, folders of them, addresses, token grids (.safetensors), or - for standard input. \
            Without -o and --out-dir the result of clip.mp4 is clip.safetensors in the current folder.
            """)

    @Argument(help: "Videos, folders, addresses, token grids, or -.")
    var inputs: [String]

    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("The folder for the results of several inputs.", valueName: "folder"))
    var outDir: String?

    @Option(
        help: ArgumentHelp(
            "Also write the most informative frames as JPEG with a manifest; of several inputs each in a folder of its own.",
            valueName: "folder"))
    var framesOut: String?

    @Option(help: "Frames that --frames-out writes at most. (default: 32)")
    var maxFramesOut: Int?

    @OptionGroup(title: "Method") var method: MethodOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var sampling: SamplingOptions

    @OptionGroup(title: "Storage") var storage: StorageOptions

    @Option(
        help: ArgumentHelp(
            "Cut and reduce as a live stream would be, at most that many frames at a time.", valueName: "frames"))
    var window: Int?

    @Option(
        help: ArgumentHelp("The same with at most that many seconds of video at a time.", valueName: "seconds"))
    var maxLatency: Double?

    @Option(help: "Inputs to work on at the same time.")
    var jobs = 1

    @OptionGroup var threads: ThreadOptions

    @Flag(help: "Skip inputs whose result is there, whole, and made the same way from the same bytes.")
    var resume = false

    @Flag(help: "Say what would be done, and stop.")
    var dryRun = false

    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Talk") var talk: TalkOptions

    mutating func validate() throws {
        guard output.path == nil || outDir == nil else {
            throw ValidationError("Give only one of --output and --out-dir.")
        }
        guard 1...1024 ~= jobs else { throw ValidationError("--jobs must be 1 to 1024, not \(jobs).") }
        guard maxFramesOut == nil || framesOut != nil else {
            throw ValidationError("--max-frames-out limits --frames-out; name a folder with that.")
        }
        if let maxFramesOut, maxFramesOut < 1 {
            throw ValidationError("--max-frames-out must be 1 or more, not \(maxFramesOut).")
        }
        guard output.sourceName == nil || inputs.count == 1 else {
            throw ValidationError("--source-name names one input, not \(inputs.count).")
        }
    }

    func run() throws {
        let console = talk.console
        try console.ending { () throws(TokenReelError) in
            let batch = try makeBatch()
            let outcomes = batch.run { outcome in tell(outcome, console) }
            if output.json {
                try Console.result(ReduceJSON.report(outcomes).text)
            } else if outcomes.count > 1 {
                console.say(ReduceText.summary(outcomes))
            }
            return ReduceBatch.exitCode(outcomes)
        }
    }

    private func makeBatch() throws(TokenReelError) -> ReduceBatch {
        let inputs = try InputList.expand(inputs)
        guard output.path == nil || inputs.count == 1 else {
            throw TokenReelError(
                .invalidArgument, subject: "--output", found: "one file for \(inputs.count) inputs",
                remedy: "name a folder with --out-dir")
        }
        var pipeline = try sampling.pipeline(model, limits, threads: threads.count(for: min(jobs, inputs.count)))
        try storage.apply(to: &pipeline)
        if window != nil || maxLatency != nil {
            pipeline.window = StreamWindow(frames: window ?? StreamWindow().frames, seconds: maxLatency)
        }
        try method.apply(to: &pipeline, model)
        let folder = try checkedFolder()
        let targets = output.target.map { [$0] } ?? OutputNames.targets(for: inputs, in: folder)
        for target in targets { try target.check(against: inputs.map(\.source), mayOverwrite: output.overwrite) }
        let keyframes = keyframeFolders(for: inputs)
        return ReduceBatch(
            jobs: zip(inputs, targets).enumerated().map { index, job in
                ReduceJob(
                    pipeline: pipeline, input: job.0, output: job.1, dtype: storage.dtype,
                    sourceName: output.sourceName, keyframes: keyframes?[index], createsFolder: outDir != nil,
                    resumes: resume, isDryRun: dryRun)
            }, simultaneous: jobs,
            progress: ProgressDisplay(isShown: talk.showsProgress, total: inputs.count))
    }

    /// Where the frames of each input go, if they are wanted.
    private func keyframeFolders(for inputs: [BatchInput]) -> [ReduceJob.Keyframes]? {
        guard let framesOut else { return nil }
        let folders = inputs.count == 1 ? [framesOut] : OutputNames.folders(for: inputs, in: framesOut)
        return folders.map { ReduceJob.Keyframes(folder: $0, count: maxFramesOut ?? 32) }
    }

    private func checkedFolder() throws(TokenReelError) -> String? {
        guard let outDir else { return nil }
        guard !outDir.isEmpty else {
            throw TokenReelError(.invalidArgument, subject: "--out-dir", found: "an empty name", allowed: "a folder")
        }
        return outDir
    }

    private func tell(_ outcome: ReduceJob.Outcome, _ console: Console) {
        if let error = outcome.error { console.report(error) }
        guard !output.json else { return }
        guard let text = ReduceText.outcome(outcome, verbosity: console.verbosity) else { return }
        try? outcome.output.tell(text, console)
    }
}
