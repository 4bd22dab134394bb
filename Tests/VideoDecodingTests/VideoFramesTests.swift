import Foundation
import Testing
import TokenCore
import VideoDecoding

@Suite struct VideoFramesTests {
    @Test func framesAreThoseOfTheDecoder() async throws {
        let clip = try Clips.make("async.mp4", "-f", "lavfi", "-i", "testsrc2=d=3:s=64x48:r=25")
        let direct = try Decoded(.file(clip), .rate(4))
        var options = DecodeOptions()
        options.sampling = .rate(4)
        for _ in 0..<2 {
            var frames: [VideoFrame] = []
            for try await frame in VideoFrames(.file(clip), options: options) { frames.append(frame) }
            #expect(frames.map(\.pixels) == direct.frames.map(\.pixels))
        }
    }

    @Test func errorsArrive() async {
        await #expect(throws: TokenReelError.self) {
            for try await _ in VideoFrames(.file("/nowhere.mp4")) {}
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func cancellingTheTaskEndsABlockedRead() async throws {
        let fifo = Clips.folder.appending(path: "async-fifo").path
        #expect(mkfifo(fifo, 0o600) == 0)
        let writer = open(fifo, O_RDWR)
        defer { close(writer) }
        let task = Task {
            for try await _ in VideoFrames(.file(fifo)) {}
        }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        let result = await task.result
        #expect(throws: TokenReelError.self) { try result.get() }
    }
}
