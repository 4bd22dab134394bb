public import TokenCore

/// What a reduction tells while it is watched.
public enum ReductionStep: Sendable {
    /// How far the work has come.
    case progress(PipelineProgress)
    /// The work is done; nothing follows.
    case finished(ReducedInput)
}

/// A reduction to be watched while it works, from ``Pipeline/reducing(_:name:)``.
///
/// ```swift
/// for try await step in pipeline.reducing(.file("clip.mp4")) {
///     switch step {
///     case .progress(let progress): print("\(progress.frames) frames")
///     case .finished(let reduced): try reduced.sequence.write(to: "clip.safetensors", metadata: reduced.metadata)
///     }
/// }
/// ```
///
/// The work starts when the loop does, once for every loop. Progress that nobody waited for is replaced by newer; the last
/// step is always the result. Leaving the loop or cancelling its task ends the work, and waits for that.
public struct ReductionSteps: AsyncSequence, Sendable {
    let pipeline: Pipeline
    let source: InputSource
    let name: String?

    /// Starts the work.
    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Waits for one step after the other.
    public final class Iterator: AsyncIteratorProtocol {
        private let news = Handover<ReductionStep>()
        private let cancellation: Cancellation
        private var thread: DedicatedThread?
        private var isOver = false

        fileprivate init(_ steps: ReductionSteps) {
            cancellation = steps.pipeline.request.cancellation ?? Cancellation()
            var pipeline = steps.pipeline
            pipeline.request.cancellation = cancellation
            thread = DedicatedThread { [pipeline, news] in
                do throws(TokenReelError) {
                    let reduced = try pipeline.reduce(steps.source, name: steps.name) {
                        news.replace(.success(.progress($0)))
                    }
                    news.replace(.success(.finished(reduced)))
                } catch {
                    news.replace(.failure(error))
                }
            }
        }

        deinit {
            if !isOver { cancellation.cancel() }
            // Whoever left the loop may end the process next, which work that goes on would not survive.
            thread.take()?.join()
        }

        /// The next step; nil after the result.
        ///
        /// - Throws: ``TokenReelError``, as ``Pipeline/reduced(_:name:)``.
        public func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(TokenReelError) -> ReductionStep? {
            if isOver { return nil }
            let message = await withTaskCancellationHandler {
                await news.receive()
            } onCancel: { [cancellation] in
                cancellation.cancel()
            }
            do throws(TokenReelError) {
                let step = try message.get()
                if case .finished = step { isOver = true }
                return step
            } catch {
                isOver = true
                throw error
            }
        }
    }
}
