internal import ArgumentParser
internal import CLibrary
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// `tokenreel stream`.
struct StreamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream",
        abstract: "Reduce live video to few tokens, segment after segment, for as long as it comes.",
        discussion: """
            Sources are cameras (/dev/video0), addresses (rtsp://, http://, https://, udp://, tcp://), - for a pipe on \
            standard input, and files. A segment is written as soon as no later frame can change it; one line of JSON on \
            standard output tells of it. A source that goes away is opened again until it is back; the end of a pipe or \
            file ends its stream.

            Ctrl-C and SIGTERM finish the open segment, write it and end the command; SIGHUP opens the sources anew.
            """)

    @Argument(help: "Cameras, addresses, files, or -.")
    var sources: [String]

    @OptionGroup(title: "Output") var output: StreamOutputOptions
    @OptionGroup(title: "Source") var receiving: LiveSourceOptions
    @OptionGroup(title: "Stream") var stream: StreamOptions
    @OptionGroup(title: "Method") var method: MethodOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Sampling") var frame: FrameOptions
    @OptionGroup(title: "Storage") var storage: StorageOptions

    @OptionGroup var threads: ThreadOptions
    @OptionGroup(title: "Talk") var talk: TalkOptions

    mutating func validate() throws {
        guard sources.count == 1 || output.output == nil else {
            throw ValidationError("-o - takes the segments of one source; name a folder with --out-dir.")
        }
        let readers = sources.count { $0 == "-" } + (output.control == "-" ? 1 : 0)
        guard readers <= 1 else {
            throw ValidationError("Standard input can be one source, or --control, but not more.")
        }
    }

    func run() throws {
        let console = talk.console
        try console.ending { () throws(TokenReelError) in
            let records = RecordOutput(descriptor: output.output == nil ? STDOUT_FILENO : STDERR_FILENO)
            let runs = try makeRuns(records, console)
            let control = try output.control.map { path throws(TokenReelError) in
                try StreamControl(path: path, runs: runs, records: records, model: model)
            }
            let reporter = try StreamReporter(
                runs: runs, records: records, statusFile: output.statusFile, console: console,
                tellsMinutes: talk.showsProgress)
            return StreamSession(
                runs: runs, records: records, control: control, reporter: reporter, console: console
            ).run()
        }
    }

    private func makeRuns(_ records: RecordOutput, _ console: Console) throws(TokenReelError) -> [StreamRun] {
        if output.output != nil { try OutputTarget.standardOutput.check(against: [], mayOverwrite: false) }
        var pipeline = try frame.pipeline(model, threads: threads.count(for: sources.count))
        if let maxPixels = receiving.maxPixels { pipeline.decodeOptions.limits.pixelsPerFrame = maxPixels }
        try storage.apply(to: &pipeline)
        try method.apply(to: &pipeline, model)
        var origins: [LiveSource] = []
        for argument in sources { origins.append(try receiving.source(argument)) }
        var runs: [StreamRun] = []
        for (name, source) in zip(StreamNames.names(of: origins), origins) {
            var reduction = try stream.reduction(by: pipeline)
            reduction.sourceName = source.name
            try reduction.validate()
            let destination = try destination(named: name, console)
            let frames = try LiveVideo(source, options: receiving.options(for: pipeline))
            runs.append(
                StreamRun(
                    name: name, frames: frames, reduction: reduction, destination: destination, dtype: storage.dtype,
                    records: records, console: console))
        }
        return runs
    }

    private func destination(named name: String, _ console: Console) throws(TokenReelError) -> StreamRun.Destination {
        guard output.output == nil else { return .descriptor(STDOUT_FILENO) }
        guard let outDir = output.outDir else { return .nowhere }
        let path = sources.count == 1 ? outDir : "\(outDir)/\(name)"
        let folder = try SegmentFolder(path, limit: output.maxDisk?.bytes)
        if !folder.repair.isNothing {
            console.say(
                "\(Console.printable(path)): repaired after a stop: \(folder.repair.listed) segments listed, "
                    + "\(folder.repair.unlisted) unlisted, \(folder.repair.removed) unfinished files removed")
        }
        return .folder(folder)
    }
}
