import Foundation
import Testing
import TokenCore
import VideoDecoding

/// Cameras of this machine.
///
/// `scripts/test` runs these once more with `fake-camera.c` preloaded, which `TOKENREEL_UNPLUGGED` says: it names a file
/// by which the test pulls the plug.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LiveDeviceTests {
    private static let unplugged = ProcessInfo.processInfo.environment["TOKENREEL_UNPLUGGED"]

    @Test(.enabled(if: unplugged != nil, "the camera for tests is preloaded by scripts/test"))
    func camerasComeAndGo() throws {
        let plug = try #require(Self.unplugged)
        var source = try LiveSource("/dev/video99")
        (source.size, source.rate, source.pixelFormat) = ((64, 48), 25, "yuyv422")
        let video = try LiveVideo(source, options: LiveClips.options())
        defer { video.close() }
        var seen = Watched()
        seen.watch(video, seconds: 10) { $0.frames.count == 8 }
        #expect(seen.openings == [1] && seen.gaps.isEmpty && seen.info?.codec == "rawvideo")
        #expect(seen.frames.allSatisfy { $0.width == 64 && $0.height == 48 })
        for (number, second) in seen.seconds.enumerated() { #expect(abs(second - Double(number) * 0.2) < 0.041) }
        // Each picture is lighter than the one before.
        #expect(zip(seen.frames, seen.frames.dropFirst()).allSatisfy { $0.pixels[0] < $1.pixels[0] })
        for turn in 1...5 {
            let gaps = seen.gaps.count
            #expect(FileManager.default.createFile(atPath: plug, contents: nil))
            let pulled = ContinuousClock.now
            seen.watch(video, seconds: 10) { $0.gaps.count > gaps }
            #expect(ContinuousClock.now - pulled < .seconds(2) && seen.gaps.last?.reason == .unplugged)
            try FileManager.default.removeItem(atPath: plug)
            let frames = seen.frames.count
            seen.watch(video, seconds: 10) { $0.frames.count > frames + 2 }
            #expect(seen.frames.count > frames + 2 && video.statistics.reopenings == turn)
        }
        #expect(zip(seen.ticks, seen.ticks.dropFirst()).allSatisfy(<))
    }

    @Test func aCameraThatIsNotThere() throws {
        let video = try LiveVideo(LiveSource("/dev/video77"), options: LiveClips.options())
        var seen = Watched()
        seen.watch(video, seconds: 20) { $0.gaps.count == 2 }
        video.close()
        #expect(seen.gaps.map(\.reason) == [.unplugged, .unplugged] && seen.frames.isEmpty)
    }
}
