public import TokenCore
internal import TokenReduction
internal import VideoDecoding

extension Pipeline {
    /// Runs all stages on a thread of their own; cancelling the task ends them.
    ///
    /// - Parameters:
    ///   - source: A video or a grid.
    ///   - name: A name to write into the metadata instead of the input's own.
    /// - Throws: ``TokenReelError``, as ``reduce(_:progress:)``.
    public func reduced(_ source: InputSource, name: String? = nil) async throws(TokenReelError) -> ReducedInput {
        try await onOwnThread { pipeline throws(TokenReelError) in try pipeline.reduce(source, name: name) }
    }

    /// The same as steps to be watched, the last of which is the result.
    public func reducing(_ source: InputSource, name: String? = nil) -> ReductionSteps {
        ReductionSteps(pipeline: self, source: source, name: name)
    }

    func reduce(
        _ source: InputSource, name: String?, progress: ProgressHandler? = nil
    ) throws(TokenReelError) -> ReducedInput {
        let input = try OpenInput(source, name: name, limits: decodeOptions.limits, cancellation: request.cancellation)
        return try reduce(input, progress: progress)
    }

    /// Decodes and encodes on a thread of their own; cancelling the task ends that.
    ///
    /// - Throws: ``TokenReelError``, as ``encode(_:progress:)``.
    public func encoded(_ source: InputSource) async throws(TokenReelError) -> EncodedInput {
        try await onOwnThread { pipeline throws(TokenReelError) in
            let input = try OpenInput(
                source, limits: pipeline.decodeOptions.limits, cancellation: pipeline.request.cancellation)
            return try pipeline.encode(input)
        }
    }

    private func onOwnThread<Value: Sendable>(
        _ work: @escaping @Sendable (Pipeline) throws(TokenReelError) -> Value
    ) async throws(TokenReelError) -> Value {
        var pipeline = self
        let cancellation = request.cancellation ?? Cancellation()
        pipeline.request.cancellation = cancellation
        let outcome = await withTaskCancellationHandler { [pipeline] in
            await DedicatedThread.outcome { () throws(TokenReelError) in try work(pipeline) }
        } onCancel: {
            cancellation.cancel()
        }
        return try outcome.get()
    }
}
