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
/// step is always the result. Leaving the loop or cancelling its task ends the work.
public struct ReductionSteps: AsyncSequence, Sendable {
    let pipeline: Pipeline
    let source: InputSource
    let name: String?

    /// Starts the work.
    public func makeAsyncIterator() -> Iterator {
        let (news, continuation) = AsyncStream.makeStream(
            of: Result<ReductionStep, TokenReelError>.self, bufferingPolicy: .bufferingNewest(1))
        let work = Task {
            do throws(TokenReelError) {
                let reduced = try await pipeline.reduced(source, name: name) {
                    continuation.yield(.success(.progress($0)))
                }
                continuation.yield(.success(.finished(reduced)))
            } catch {
                continuation.yield(.failure(error))
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in work.cancel() }
        return Iterator(news: news.makeAsyncIterator())
    }

    /// Waits for one step after the other.
    public struct Iterator: AsyncIteratorProtocol {
        var news: AsyncStream<Result<ReductionStep, TokenReelError>>.Iterator
        private var isOver = false

        init(news: AsyncStream<Result<ReductionStep, TokenReelError>>.Iterator) { self.news = news }

        /// The next step; nil after the result.
        ///
        /// - Throws: ``TokenReelError``, as ``Pipeline/reduced(_:name:)``.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(TokenReelError) -> ReductionStep? {
            if isOver { return nil }
            guard let outcome = await news.next(isolation: actor) else {
                // Without a last word, because the task that waits here was cancelled.
                isOver = true
                throw TokenReelError(.cancelled, subject: "work", found: "cancelled by the caller")
            }
            do throws(TokenReelError) {
                let step = try outcome.get()
                if case .finished = step { isOver = true }
                return step
            } catch {
                isOver = true
                throw error
            }
        }
    }
}
