public import TokenCore
internal import TokenReduction
internal import VideoDecoding

extension Pipeline {
    /// Runs all stages on a thread of their own; cancelling the task ends them.
    ///
    /// - Parameter name: A name to write into the metadata instead of the input's own.
    /// - Throws: ``TokenReelError``, as ``reduce(_:progress:)``.
    public func reduced(
        _ source: InputSource, name: String? = nil, progress: ProgressHandler? = nil
    ) async throws(TokenReelError) -> ReducedInput {
        try await onOwnThread { pipeline throws(TokenReelError) in
            let input = try OpenInput(
                source, name: name, limits: pipeline.decodeOptions.limits, cancellation: pipeline.request.cancellation)
            return try pipeline.reduce(input, progress: progress)
        }
    }

    /// Decodes and encodes on a thread of their own; cancelling the task ends that.
    ///
    /// - Throws: ``TokenReelError``, as ``encode(_:progress:)``.
    public func encoded(
        _ source: InputSource, progress: ProgressHandler? = nil
    ) async throws(TokenReelError) -> EncodedInput {
        try await onOwnThread { pipeline throws(TokenReelError) in
            let input = try OpenInput(
                source, limits: pipeline.decodeOptions.limits, cancellation: pipeline.request.cancellation)
            return try pipeline.encode(input, progress: progress)
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
