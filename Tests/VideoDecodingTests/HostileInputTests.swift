import Foundation
import TestSupport
import Testing
import TokenCore
import VideoDecoding

/// Inputs that try to make the decoder read other files, run for ever or fill the memory.
@Suite struct HostileInputTests {
    private func failure(
        _ source: VideoSource, _ sampling: FrameSampling = .rate(1), _ change: (inout DecodeOptions) -> Void = { _ in }
    ) -> TokenReelError? {
        do {
            _ = try Decoded(source, sampling, change)
            return nil
        } catch {
            return error as? TokenReelError
        }
    }

    private func text(_ name: String, _ content: String) throws -> VideoSource {
        .file(try Clips.write(name, Array(content.utf8)))
    }

    private static let clip = Result { try Clips.make("plain.ts", "-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=10") }

    @Test func playlistsAreNotFollowed() throws {
        // A segment that would decode without complaint if anything opened it.
        let canary = try Self.clip.get()
        let scripts = [
            ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n\(canary)\n#EXT-X-ENDLIST\n", "HLS"),
            ("script.mp4", "ffconcat version 1.0\nfile plain.ts\n", "ffconcat"),
            ("session.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n", "SDP"),
            ("manifest.mp4", "<?xml version=\"1.0\"?><MPD><Period><BaseURL>\(canary)</BaseURL></Period></MPD>", "XML"),
        ]
        for (name, content, word) in scripts {
            let error = try #require(try failure(text(name, content)))
            #expect(error.found.contains(word), "\(error)")
            #expect([.unsupportedInput, .unreadableInput].contains(error.code), "\(error)")
            #expect(error.subject.hasSuffix(name))
        }
    }

    @Test(arguments: [
        "concat:plain.ts|plain.ts", "subfile:,,start,0,end,0,,:plain.ts", "data:video/mp4;base64,AAAA", "pipe:0",
        "cache:plain.ts", "crypto:plain.ts", "file:plain.ts", "async:plain.ts", "unix:socket",
        "http://127.0.0.1:9/a.mp4",
    ])
    func namesOfProtocolsAreNamesOfFiles(name: String) throws {
        _ = try Self.clip.get()
        let error = try #require(failure(.file(Clips.folder.path + "/" + name)))
        #expect(error.code == .inputOutput && error.found.contains("No such file"), "\(error)")
        #expect(failure(.file(name))?.code == .inputOutput)
        #expect(try failure(.file(Self.clip.get() + "\0.mp4"))?.code == .inputOutput)
    }

    @Test func addressesAreLimitedToTheirSchemes() {
        for address in ["file:///etc/passwd", "concat:a|b", "lavfi:testsrc", "sftp://a/b", "nothing", "pipe:0"] {
            #expect(failure(.url(address))?.code == .unsupportedInput, "\(address)")
        }
    }

    @Test func whatIsNoVideoIsNamed() throws {
        let empty = try #require(try failure(text("empty.mp4", "")))
        #expect(empty.code == .unreadableInput && empty.found == "an empty file")
        let words = try #require(try failure(text("text.mp4", "This is not a video.\n")))
        #expect(words.code == .unreadableInput && words.found == "text, not video")
        #expect(failure(.file(Clips.folder.path))?.found == "a folder")
        #expect(failure(.file("/nowhere/at/all.mp4"))?.code == .inputOutput)
        #expect(failure(.memory([]))?.code == .unreadableInput)
        #expect(
            failure(.memory((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }))?.code == .unreadableInput)
        let sound = try Clips.make("sound.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
        let silent = try #require(failure(.file(sound)))
        #expect(silent.code == .unsupportedInput && silent.found == "no video stream; 1 audio stream (aac)")
        let wave = try #require(try failure(.file(Clips.make("sound.wav", "-f", "lavfi", "-i", "sine=d=1"))))
        #expect(wave.code == .unsupportedInput, "\(wave)")
    }

    @Test func bigPicturesAreRefused() throws {
        let bomb = try Clips.make(
            "bomb.mkv", "-f", "lavfi", "-i", "color=gray:s=8192x8192:r=1,format=gray", "-frames:v", "1", "-c:v", "png")
        let error = try #require(failure(.file(bomb)))
        #expect(error.code == .limitExceeded && error.remedy?.contains("--max-pixels") == true, "\(error)")
        // Where only the codec's own headers tell the size.
        for name in ["small.h264", "small.ts", "small.mpg", "small.webm"] {
            let clip = try Clips.make(name, "-f", "lavfi", "-i", "testsrc=d=0.4:s=320x240:r=25")
            #expect(failure(.file(clip)) == nil)
            let error = try #require(failure(.file(clip)) { $0.limits.pixelsPerFrame = 320 * 240 - 1 }, "\(name)")
            #expect([.limitExceeded, .unreadableInput].contains(error.code), "\(error)")
            #expect(error.description.contains("pixels"), "\(error)")
        }
    }

    @Test func manyFramesStopAtTheCap() throws {
        let bomb = try Clips.make(
            "frames.mp4", "-f", "lavfi", "-i", "color=black:s=16x16:r=1000", "-t", "8", "-c:v", "mpeg4", "-g", "600")
        #expect(failure(.file(bomb)) { $0.limits.decodedFrames = 1000 }?.code == .limitExceeded)
        let sampled = try #require(failure(.file(bomb), .rate(100)) { $0.limits.sampledFrames = 99 })
        #expect(sampled.code == .limitExceeded && sampled.remedy?.contains("--max-frames") == true)
        let bytes = try #require(failure(.file(bomb)) { $0.limits.inputBytes = 5000 })
        #expect(bytes.code == .limitExceeded && bytes.remedy?.contains("--max-bytes") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func aSilentPipeEndsAtItsDeadline() throws {
        let fifo = Clips.folder.appending(path: "silent").path
        #expect(mkfifo(fifo, 0o600) == 0)
        // Open for writing as well, so that the reader sees a writer that says nothing.
        let writer = open(fifo, O_RDWR)
        defer { close(writer) }
        let clock = ContinuousClock()
        let begin = clock.now
        #expect(failure(.file(fifo)) { $0.limits.seconds = 0.3 }?.code == .limitExceeded)
        #expect(failure(.file(fifo)) { $0.limits.stallSeconds = 0.3 }?.code == .inputOutput)
        let cancellation = Cancellation()
        Thread.detachNewThread {
            usleep(200_000)
            cancellation.cancel()
        }
        #expect(failure(.file(fifo)) { $0.cancellation = cancellation }?.code == .cancelled)
        #expect(clock.now - begin < .seconds(20))
    }

    @Test func lyingHeadersChangeNothing() throws {
        let clip = try Clips.make("liar.mp4", "-f", "lavfi", "-i", "testsrc=d=2:s=64x48:r=10", "-movflags", "faststart")
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: clip)))
        let honest = try Decoded(.memory(bytes), .count(4))
        // The durations in mvhd, tkhd and mdhd, each said to be immense.
        for (box, offset) in [("mvhd", 20), ("tkhd", 24), ("mdhd", 20)] {
            let name = Array(box.utf8)
            let place = try #require((0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == name })
            for index in 0..<4 { bytes[place + offset + index] = 0x7f }
        }
        #expect(try honest.matches(Decoded(.memory(bytes), .count(4))))
    }

    @Test func optionsThatMakeNoSense() {
        let source = VideoSource.memory([])
        for sampling in [FrameSampling.rate(0), .rate(-1), .rate(.nan), .rate(.infinity), .count(0)] {
            #expect(failure(source, sampling)?.code == .invalidArgument)
        }
        #expect(failure(source) { $0.start = -1 }?.code == .invalidArgument)
        #expect(failure(source) { ($0.start, $0.end) = (2, 2) }?.code == .invalidArgument)
        #expect(failure(source) { $0.size = .exactly(width: 0, height: 4) }?.code == .invalidArgument)
        #expect(failure(source) { $0.size = .exactly(width: .max, height: 4) }?.code == .invalidArgument)
    }
}
