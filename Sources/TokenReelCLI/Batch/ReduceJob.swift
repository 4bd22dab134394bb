internal import Essentials
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

/// The reduction of one input of a batch.
struct ReduceJob: Sendable {
    let pipeline: Pipeline
    let input: BatchInput
    let output: OutputTarget
    let dtype: TokenDType
    let sourceName: String?
    let keyframes: Keyframes?
    let createsFolder: Bool
    let resumes: Bool
    let isDryRun: Bool

    /// Frames to write beside the tokens.
    struct Keyframes: Sendable {
        let folder: String
        let count: Int

        var areThere: Bool { FileManager.default.fileExists(atPath: folder + "/manifest.json") }
    }

    /// How the job ended.
    struct Outcome: Sendable {
        enum Status: String, Sendable { case done, skipped, planned, failed }
        let status: Status
        let input: InputSource
        let output: OutputTarget
        var report: ReductionReport?
        var forecast: Forecast?
        var keyframes: KeyframeSelection?
        var writeSeconds = 0.0
        var notices: [String] = []
        var error: TokenReelError?
    }

    /// Does the work; what goes wrong is part of the outcome, so that a batch can go on.
    func run(progress: ProgressHandler?) -> Outcome {
        do {
            return try attempt(progress)
        } catch {
            return Outcome(status: .failed, input: input.source, output: output, error: error)
        }
    }

    private func attempt(_ progress: ProgressHandler?) throws(TokenReelError) -> Outcome {
        let cancellation = pipeline.request.cancellation
        try cancellation?.check()
        let opened = try OpenInput(
            input.source, name: sourceName, limits: pipeline.decodeOptions.limits, cancellation: cancellation)
        if isDryRun {
            let forecast = try pipeline.forecast(opened)
            return Outcome(status: .planned, input: input.source, output: output, forecast: forecast)
        }
        if resumes, keyframes?.areThere ?? true, case .file(let path) = output,
            let file = try? TokenSequenceFile(path: path),
            try pipeline.wouldReproduce(file, from: opened, as: dtype)
        {
            return Outcome(status: .skipped, input: input.source, output: output)
        }
        let reduced = try pipeline.reduce(opened, progress: progress)
        var outcome = Outcome(status: .done, input: input.source, output: output, report: reduced.report)
        outcome.notices = reduced.report.notices
        let beyond = dtype == .f16 && reduced.sequence.quantized == nil ? reduced.sequence.valuesBeyondHalf : 0
        if beyond > 0 {
            outcome.notices.append(
                "\(beyond) values are too large for f16 and became infinite; use --dtype bf16 or f32.")
        }
        let start = ContinuousClock.now
        if let keyframes {
            outcome.keyframes = try pipeline.exportKeyframes(
                of: reduced, from: opened, to: keyframes.folder, atMost: keyframes.count)
        }
        if createsFolder { try output.createFolder() }
        try output.write(reduced.sequence.contents(reduced.metadata, dtype), cancellation: cancellation)
        outcome.writeSeconds = (ContinuousClock.now - start) / .seconds(1)
        return outcome
    }
}

extension ReduceJob.Outcome {
    /// How long writing took.
    var writeTiming: StageTiming { StageTiming(stage: "write", seconds: writeSeconds) }

    /// Seconds of every stage, writing included.
    var stages: [StageTiming] { (report?.stages ?? []) + (status == .done ? [writeTiming] : []) }
}
