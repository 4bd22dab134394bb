import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// What watching several cameras costs; `scripts/soak load` runs it, because it wants the machine for itself.
@Suite(.serialized) struct LiveLoadTests {
    private static let isAsked = ProcessInfo.processInfo.environment["TOKENREEL_LOAD"] != nil

    /// Four streams of 720p at 30 frames a second, sampled at five, for twenty seconds.
    @Test(
        .enabled(if: isAsked, "measured by scripts/soak load"),
        arguments: [FrameSize.exactly(width: 384, height: 384), .display])
    func fourCamerasInOneProcess(size: FrameSize) throws {
        let sample = SharedFiles.package.appending(path: "Samples/clip.mp4").path
        let clip = try Clips.make(
            "720p.ts", "-stream_loop", "-1", "-i", sample, "-t", "8", "-an", "-vf", "scale=1280:720,fps=30", "-c:v",
            "libx264", "-pix_fmt", "yuv420p")
        let server = try FaultyServer(
            .transportStream([UInt8](try Data(contentsOf: URL(filePath: clip))), seconds: 8))
        defer { server.stop() }
        var options = LiveOptions()
        (options.sampleRate, options.size) = (5, size)
        let videos = try (0..<4).map { _ in
            try LiveVideo(LiveSource("tcp://127.0.0.1:\(server.port)"), options: options)
        }
        var seen = [Watched](repeating: Watched(), count: 4)
        // Opening is not part of it.
        for index in videos.indices { seen[index].watch(videos[index], seconds: 20) { $0.frames.count == 1 } }
        let (begin, before) = (ContinuousClock.now, Self.processorSeconds())
        var latency = 0.0
        while ContinuousClock.now - begin < .seconds(20) {
            for index in videos.indices {
                guard let event = videos[index].next(timeout: 0.01) else { continue }
                if case .frame(_, let arrival) = event { latency = max(latency, (.now - arrival) / .seconds(1)) }
                seen[index].add(event)
                seen[index].frames = [seen[index].frames.last].compactMap { $0 }
            }
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        let share = (Self.processorSeconds() - before) / seconds
        print("4 x 720p30 at 5 frames/s, \(size): \(share / 4) of a core each, frames \(latency) s old at most")
        for (video, seen) in zip(videos, seen) {
            #expect(video.statistics.framesDropped == 0 && seen.gaps.isEmpty)
            #expect(abs((seen.seconds.last ?? 0) - seconds) < 1)
            #expect(abs(Double(video.statistics.framesSampled) - 5 * seconds) < 6)
            video.close()
        }
        #expect(share / 4 < 0.33)
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
