import Foundation
import TestSupport
import Testing
import TokenReel

@Suite struct ReductionStepsTests {
    private static let clip = InputSource.file(SharedFiles.package.appending(path: "Samples/clip.mp4").path)

    @Test func progressRisesAndTheResultComesLast() async throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .rate(5)
        var frames: [Int] = []
        var results: [ReducedInput] = []
        for try await step in pipeline.reducing(Self.clip, name: "a clip") {
            switch step {
            case .progress(let progress):
                #expect(results.isEmpty)
                frames.append(progress.frames)
            case .finished(let reduced): results.append(reduced)
            }
        }
        #expect(!frames.isEmpty && zip(frames, frames.dropFirst()).allSatisfy(<=))
        let whole = try await pipeline.reduced(Self.clip)
        #expect(results.map(\.sequence.plan) == [whole.sequence.plan])
        #expect(results.first?.metadata["source"] == "a clip")
    }

    @Test func errorsAreTyped() async throws {
        let steps = try Pipeline().reducing(.file("/nowhere/clip.mp4")).makeAsyncIterator()
        #expect(await Self.failure(of: steps)?.code == .unreadableInput)
    }

    @Test func cancellingTheTaskEndsTheLoop() async throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .all
        let steps = pipeline.reducing(Self.clip)
        let task = Task { await Self.failure(of: steps.makeAsyncIterator()) }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
    }

    @Test func leavingTheLoopEndsTheWork() async throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .all
        let cancellation = Cancellation()
        pipeline.request.cancellation = cancellation
        for try await _ in pipeline.reducing(Self.clip) { break }
        #expect(cancellation.isCancelled)
    }

    /// What ends the steps; nil if they reach a result, after which there are no more.
    private static func failure(of steps: ReductionSteps.Iterator) async -> TokenReelError? {
        do throws(TokenReelError) {
            while try await steps.next() != nil {}
            #expect(try await steps.next() == nil)
            return nil
        } catch {
            return error
        }
    }
}
