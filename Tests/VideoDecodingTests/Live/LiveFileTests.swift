import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// Pipes and files, of which nothing is lost.
@Suite(.timeLimit(.minutes(2))) struct LiveFileTests {
    private static let clip = Result {
        try Clips.make("live.mp4", "-f", "lavfi", "-i", "testsrc2=d=4:s=160x96:r=25", "-c:v", "libx264", "-bf", "3")
    }
    private static let stream = Result { try Clips.make("live.ts", "-i", try clip.get(), "-c", "copy") }

    /// A file as a stream gives the frames that it gives as a file.
    @Test(arguments: [1, 4.7, 25, 60], ["live.mp4", "live.ts", "vfr.mkv", "dts.avi", "order.h264"])
    func framesAreThoseOfTheDecoder(rate: Double, name: String) throws {
        let clip = try Self.clip.get()
        let path =
            switch name {
            case "live.mp4": clip
            case "live.ts": try Self.stream.get()
            case "vfr.mkv":
                try Clips.make("vfr.mkv", "-i", clip, "-vf", "select='gt(mod(n,7),2)'", "-vsync", "vfr")
            case "order.h264": try Clips.make(name, "-i", clip, "-c", "copy")
            default: try Clips.make(name, "-i", clip, "-an")
            }
        let batch = try Decoded(.file(path), .rate(rate))
        let live = try Watched(path, rate: rate)
        let origin = try #require(try Decoded(.file(path), .all).ticks.first)
        #expect(live.ticks == batch.ticks.map { $0 - origin }, "\(name)")
        #expect(zip(live.frames, batch.frames).allSatisfy { $0.pixels == $1.pixels })
        #expect(live.hasEnded && live.gaps.isEmpty && live.openings == [1])
        #expect(live.info?.width == 160 && live.info?.height == 96)
    }

    @Test func realClipsAreThoseOfTheDecoder() throws {
        for name in [
            "dog.mp4", "car_vfr.mp4", "frog_mjpeg.avi", "dachshund_rot90.mp4", "flower.webm", "delayed_start.mp4",
        ] {
            guard let clip = SharedFiles.video(name)?.path else { continue }
            let size: (inout DecodeOptions) -> Void = { $0.size = .exactly(width: 64, height: 48) }
            let batch = try Decoded(.file(clip), .rate(2), size)
            let live = try Watched(clip, rate: 2) { $0.size = .exactly(width: 64, height: 48) }
            #expect(live.frames.map(\.pixels) == batch.frames.map(\.pixels), "\(name)")
            let shift = (batch.frames.first?.pts.seconds ?? 0) - (live.seconds.first ?? 0)
            #expect(zip(live.frames, batch.frames).allSatisfy { abs($0.pts.seconds + shift - $1.pts.seconds) < 1e-9 })
        }
    }

    /// A named pipe whose reader takes its time holds the writer back, and every frame arrives.
    @Test func aSlowReaderHoldsThePipeBack() throws {
        let fifo = Clips.folder.appending(path: "live-fifo").path
        #expect(mkfifo(fifo, 0o600) == 0)
        let writer = try Sender.start(
            "ffmpeg", "-v", "error", "-i", try Self.stream.get(), "-c", "copy", "-y", "-f", "mpegts", fifo)
        defer { writer.kill() }
        var options = LiveOptions()
        options.sampleRate = 25
        let video = try LiveVideo(LiveSource(fifo), options: options)
        var seen = Watched()
        while !seen.hasEnded {
            usleep(10_000)
            if let event = video.next(timeout: 1) { seen.add(event) }
        }
        #expect(seen.frames.count == 100 && video.statistics.framesDropped == 0)
        #expect(video.statistics.framesRead == 100 && video.statistics.framesSampled == 100)
        #expect(video.statistics.bytesRead > 10_000)
    }

    @Test func picturesOneAfterTheOther() throws {
        let seen = try Watched(Clips.make("pictures.mjpeg", "-i", try Self.clip.get(), "-an"), rate: 25)
        #expect(seen.frames.count == 100 && seen.ticks.first == 0)
        #expect(zip(seen.seconds, seen.seconds.dropFirst()).allSatisfy { abs($1 - $0 - 0.04) < 1e-6 })
    }

    @Test func aFileAtItsOwnSpeed() throws {
        var source = try LiveSource(try Self.clip.get())
        source.realtime = true
        var options = LiveOptions()
        options.sampleRate = 10
        let begin = ContinuousClock.now
        var seen = Watched()
        seen.watch(try LiveVideo(source, options: options), seconds: 20) { $0.frames.count == 16 }
        let took = (ContinuousClock.now - begin) / .seconds(1)
        #expect(took >= 1.4 && took < 6, "\(took) s")
        for (second, arrival) in zip(seen.seconds, seen.arrivals) {
            #expect(abs((arrival - seen.arrivals[0]) / .seconds(1) - second) < 0.001)
        }
    }

    @Test func whatIsNoVideoIsToldAndEnds() throws {
        #expect(throws: TokenReelError.self) { try LiveVideo(LiveSource("/nowhere/at/all.ts")) }
        let text = try Clips.write("live-text.ts", Array("This is not a video.\n".utf8))
        let seen = try Watched(text, rate: 1)
        #expect(seen.hasEnded && seen.frames.isEmpty && seen.openings.isEmpty)
        #expect(seen.gaps.count == 1 && seen.gaps[0].reason == .damaged && seen.gaps[0].detail == "text, not video")
        #expect(seen.gaps[0].since == nil && seen.gaps[0].attempt == 1)
    }

    @Test func closingEndsASilentPipe() throws {
        let fifo = Clips.folder.appending(path: "live-silent").path
        #expect(mkfifo(fifo, 0o600) == 0)
        let writer = open(fifo, O_RDWR)
        defer { close(writer) }
        let video = try LiveVideo(LiveSource(fifo))
        #expect(video.next(timeout: 0.3) == nil)
        video.reopen()
        #expect(video.next(timeout: 0.2) == nil)
        let begin = ContinuousClock.now
        video.close()
        #expect(ContinuousClock.now - begin < .seconds(1))
        for _ in 0..<2 {
            guard case .ended = video.next(timeout: 1) else {
                Issue.record("not ended")
                return
            }
        }
        let cancellation = Cancellation()
        var options = LiveOptions()
        options.cancellation = cancellation
        let other = try LiveVideo(LiveSource(fifo), options: options)
        cancellation.cancel()
        guard case .ended = other.next(timeout: 5) else {
            Issue.record("not ended")
            return
        }
    }

    @Test func optionsThatMakeNoSense() throws {
        let source = try LiveSource("-")
        for change: (inout LiveOptions) -> Void in [
            { $0.sampleRate = 0 }, { $0.sampleRate = .nan }, { $0.stallSeconds = 0 }, { $0.backoff = 0...1 },
            { $0.size = .exactly(width: 0, height: 3) },
        ] {
            var options = LiveOptions()
            change(&options)
            #expect(throws: TokenReelError.self) { try LiveVideo(source, options: options) }
        }
    }
}
