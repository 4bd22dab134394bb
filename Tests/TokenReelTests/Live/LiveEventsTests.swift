import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding

@Suite struct LiveEventsTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func reduction() throws -> LiveReduction {
        var pipeline = try Pipeline()
        pipeline.method = "evs"
        return LiveReduction(pipeline, window: StreamWindow(frames: 4))
    }

    @Test func allEventsInOrder() async throws {
        var direct: [String] = []
        try reduction().run(RecordedFrames(.file(Self.clip), rate: 4)) { direct.append(Self.name($0)) }
        var read: [String] = []
        for try await event in try reduction().events(of: RecordedFrames(.file(Self.clip), rate: 4)) {
            read.append(Self.name(event))
        }
        #expect(read == direct && read.count == 13)
    }

    @Test func aSlowReaderHoldsTheSourceBack() async throws {
        let source = try RecordedFrames(.file(Self.clip), rate: 4)
        let all = source.unread
        let iterator = try reduction().events(of: source).makeAsyncIterator()
        _ = try await iterator.next()
        _ = try await iterator.next()
        try await Task.sleep(for: .milliseconds(300))
        // One event read beyond the opening, one waiting to be handed over, one being made.
        #expect(all - source.unread <= 1 + 3 * 4)
    }

    @Test func cancellingFinishes() async throws {
        let source = RecordedFrames([], ends: false)
        let events = try reduction().events(of: source)
        let task = Task { for try await _ in events {} }
        try await Task.sleep(for: .milliseconds(100))
        #expect(!source.isClosed)
        task.cancel()
        try await task.value
        try await Self.wait { source.isClosed }
    }

    @Test func droppingTheIteratorFinishes() async throws {
        let source = try RecordedFrames(.file(Self.clip), rate: 4)
        do {
            let iterator = try reduction().events(of: source).makeAsyncIterator()
            _ = try await iterator.next()
        }
        try await Self.wait { source.isClosed }
        #expect(source.unread > 0)
    }

    @Test func errorsReachTheReader() async throws {
        var pipeline = try Pipeline()
        pipeline.request.budget = .tokens(4)
        let source = RecordedFrames([], ends: false)
        let iterator = LiveReduction(pipeline).events(of: source).makeAsyncIterator()
        let error = await #expect(throws: TokenReelError.self) { try await iterator.next() }
        #expect(error?.subject == "budget")
        #expect(try await iterator.next() == nil)
        #expect(source.isClosed)
    }

    private static func name(_ event: LiveReductionEvent) -> String {
        switch event {
        case .opened: "opened"
        case .segment(let segment): "\(segment.frames): \(segment.sequence.count)"
        case .gap: "gap"
        }
    }

    /// Waits for something that another thread does soon.
    private static func wait(for condition: () -> Bool) async throws {
        for _ in 0..<500 where !condition() { try await Task.sleep(for: .milliseconds(10)) }
        #expect(condition())
    }
}
