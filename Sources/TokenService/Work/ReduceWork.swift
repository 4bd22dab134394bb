internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding
internal import VisionEncoding

/// One upload with what is to be done with it.
struct ReduceWork: Sendable {
    let request: ReduceRequest
    let upload: SpooledInput
    /// Where videos are decoded.
    let nursery: DecoderNursery
    /// Bytes of address space that decoding may take.
    let memory: Int

    /// Seconds that the decoding process may take beyond the work's own deadline, which shall be the one that is told of.
    private static let grace = 5.0

    /// Does the work; blocks.
    ///
    /// - Throws: ``TokenReelError`` as ``Pipeline/reduce(_:progress:)`` does.
    func run(_ stop: StopSignal, progress: @escaping ProgressHandler) throws(TokenReelError) -> ReduceOutcome {
        var pipeline = request.pipeline
        pipeline.request.cancellation = stop.cancellation
        pipeline.decodeOptions.limits.seconds += Self.grace
        if let words = request.question, let model = request.model.text {
            let question = try TextQuery(words, model: model, tower: request.model.tower)
            pipeline.question = question
            pipeline.queryDescription = Pipeline.describeQuery(text: words, question)
        }
        let video = WorkerVideo(upload.file, nursery: nursery, memory: memory)
        let input = try OpenInput(
            upload: upload, video: video, name: request.sourceName, limits: pipeline.decodeOptions.limits)
        let reduced = try pipeline.reduce(input, progress: progress)
        let file = try TemporaryFile()
        try reduced.sequence.write(
            to: file.descriptor, metadata: reduced.metadata, dtype: request.dtype, cancellation: stop.cancellation)
        let report = reduced.report
        return ReduceOutcome(
            input: input, limits: pipeline.decodeOptions.limits, file: file, tokensIn: report.tokensIn,
            tokensOut: report.tokensOut,
            report: report.json())
    }
}

/// What became of an upload; holds the upload too, because pictures are made of it when someone asks for them.
struct ReduceOutcome: Sendable {
    let input: OpenInput
    let limits: Limits
    /// The tokens as the command writes them.
    let file: TemporaryFile
    let tokensIn: Int
    let tokensOut: Int
    let report: JSONValue
}
