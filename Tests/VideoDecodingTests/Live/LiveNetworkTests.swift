import Foundation
import Testing
import TokenCore
import VideoDecoding

/// What the servers of the tests send.
enum LiveClips {
    /// Four seconds at 25 frames a second.
    static let stream = Result {
        let clip = try Clips.make(
            "camera.ts", "-f", "lavfi", "-i", "testsrc2=d=4:s=160x96:r=25", "-c:v", "libx264", "-bf", "2", "-g", "12")
        return FaultyServer.Content.transportStream([UInt8](try Data(contentsOf: URL(filePath: clip))), seconds: 4)
    }

    /// One second at 25 pictures a second.
    static let pictures = Result {
        let clip = try Clips.make("camera.mjpeg", "-f", "lavfi", "-i", "testsrc2=d=1:s=160x96:r=25")
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: clip)))
        let starts = bytes.indices.dropLast(2).filter { Array(bytes[$0..<$0 + 3]) == [0xff, 0xd8, 0xff] }
        let pictures = zip(starts, starts.dropFirst() + [bytes.count]).map { Array(bytes[$0..<$1]) }
        return FaultyServer.Content.motionJPEG(pictures, rate: 25)
    }

    /// Options that find out and try again soon, so that tests are short.
    static func options(rate: Double = 5) -> LiveOptions {
        var options = LiveOptions()
        (options.sampleRate, options.stallSeconds, options.backoff) = (rate, 1, 0.1...0.5)
        return options
    }
}

/// Addresses that deliver, and what may not come from one.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LiveNetworkTests {
    private func isRising(_ seen: Watched) -> Bool { zip(seen.ticks, seen.ticks.dropFirst()).allSatisfy(<) }

    @Test func transportStreamsOverTCP() throws {
        let server = try FaultyServer(LiveClips.stream.get())
        defer { server.stop() }
        let video = try LiveVideo(LiveSource("tcp://127.0.0.1:\(server.port)"), options: LiveClips.options())
        var seen = Watched()
        // Longer than the clip, whose clock starts anew each time round.
        seen.watch(video, seconds: 20) { $0.frames.count == 30 }
        #expect(seen.openings == [1] && seen.gaps.isEmpty && isRising(seen))
        for (number, second) in seen.seconds.enumerated() { #expect(abs(second - Double(number) * 0.2) < 0.041) }
        #expect(video.statistics.framesDropped == 0 && video.statistics.bytesRead > 1000)
        // Pictures come at the speed of the world.
        let span = (seen.arrivals[29] - seen.arrivals[5]) / .seconds(1)
        #expect(abs(span - 24 * 0.2) < 0.5, "\(span)")
        #expect(seen.info?.codec == "h264" && seen.info?.width == 160)
    }

    /// Motion JPEG bears no timestamps; those that FFmpeg makes up assume 25 a second.
    @Test(arguments: [8.0, 40]) func motionJPEGIsTimedByItsArrival(rate: Double) throws {
        guard case .motionJPEG(let pictures, _) = try LiveClips.pictures.get() else { return }
        let server = try FaultyServer(.motionJPEG(pictures, rate: rate))
        defer { server.stop() }
        let video = try LiveVideo(LiveSource("http://127.0.0.1:\(server.port)/"), options: LiveClips.options(rate: 4))
        var seen = Watched()
        seen.watch(video, seconds: 20) { $0.frames.count == 12 }
        #expect(seen.openings == [1] && isRising(seen) && seen.info?.container == "mpjpeg")
        for (number, second) in seen.seconds.enumerated() {
            #expect(abs(second - Double(number) * 0.25) < 1 / rate + 0.1, "\(seen.seconds)")
        }
    }

    @Test func transportStreamsOverUDP() throws {
        let clip = try Clips.make("udp.ts", "-f", "lavfi", "-i", "testsrc2=d=4:s=160x96:r=25", "-g", "12")
        let port = 20000 + Int(getpid() % 20000)
        func send() throws -> Sender {
            try Sender.start(
                "ffmpeg", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "mpegts",
                "udp://127.0.0.1:\(port)?pkt_size=1316")
        }
        var sender = try send()
        defer { sender.kill() }
        let video = try LiveVideo(LiveSource("udp://127.0.0.1:\(port)"), options: LiveClips.options())
        var seen = Watched()
        seen.watch(video, seconds: 20) { $0.frames.count == 10 }
        #expect(seen.frames.count == 10 && seen.gaps.isEmpty)
        sender.kill()
        seen.watch(video, seconds: 20) { $0.gaps.count == 2 }
        sender = try send()
        let before = seen.frames.count
        seen.watch(video, seconds: 20) { $0.frames.count == before + 10 }
        #expect(seen.frames.count == before + 10 && isRising(seen))
        #expect(seen.gaps.allSatisfy { $0.reason == .stall } && seen.gaps[0].attempt == 0)
        #expect(seen.openings.count == 2 && seen.openings[1] == (seen.gaps.last?.attempt ?? -1) + 1)
        #expect(video.statistics.reopenings == 1)
        // Over the gap times go on by what a clock on the wall shows.
        let shown = seen.seconds[before] - seen.seconds[before - 1]
        let passed = (seen.arrivals[before] - seen.arrivals[before - 1]) / .seconds(1)
        #expect(passed > 1 && abs(shown - passed) < 0.3, "\(shown) \(passed)")
        #expect(seen.gaps[0].since.map { abs($0 - seen.seconds[before - 1]) < 0.3 } == true)
    }

    /// When nobody takes the frames, the oldest go and are counted, and the newest are there.
    @Test func aSlowReaderLosesTheOldest() throws {
        let server = try FaultyServer(LiveClips.stream.get())
        defer { server.stop() }
        let video = try LiveVideo(LiveSource("tcp://127.0.0.1:\(server.port)"), options: LiveClips.options(rate: 25))
        var seen = Watched()
        seen.watch(video, seconds: 20) { $0.frames.count == 5 }
        usleep(1_500_000)
        seen.watch(video, seconds: 20) { $0.frames.count == 30 }
        let statistics = video.statistics
        #expect(statistics.framesDropped > 15 && isRising(seen) && seen.gaps.isEmpty)
        #expect(statistics.framesSampled >= statistics.framesDropped + 30)
        let missing = zip(seen.seconds, seen.seconds.dropFirst()).map { $1 - $0 }.filter { $0 > 0.1 }
        #expect(missing.count == 1 && abs(missing[0] / 0.04 - Double(statistics.framesDropped) - 1) < 2, "\(missing)")
    }

    @Test func askingForANewConnection() throws {
        let server = try FaultyServer(LiveClips.stream.get())
        defer { server.stop() }
        let video = try LiveVideo(LiveSource("tcp://127.0.0.1:\(server.port)"), options: LiveClips.options())
        var seen = Watched()
        seen.watch(video, seconds: 20) { $0.frames.count == 3 }
        video.reopen()
        seen.watch(video, seconds: 20) { $0.frames.count == 8 }
        #expect(seen.gaps.map(\.reason) == [.reopened] && seen.openings == [1, 1] && server.connections == 2)
        let begin = ContinuousClock.now
        video.close()
        #expect(ContinuousClock.now - begin < .seconds(1))
        seen.watch(video, seconds: 5)
        #expect(seen.hasEnded && isRising(seen))
    }

    @Test func nobodyThere() throws {
        let server = try FaultyServer(LiveClips.stream.get())
        server.stop()
        let video = try LiveVideo(LiveSource("tcp://127.0.0.1:\(server.port)"), options: LiveClips.options())
        var seen = Watched()
        let begin = ContinuousClock.now
        seen.watch(video, seconds: 20) { $0.gaps.last?.attempt == 4 }
        #expect(seen.gaps.map(\.attempt) == [1, 2, 3, 4] && seen.gaps.allSatisfy { $0.reason == .refused })
        // Three waits, of 0.1 to 0.5 s.
        #expect(ContinuousClock.now - begin > .seconds(0.3))
        video.close()
        let secret = try LiveVideo(
            LiveSource("http://user:secret@127.0.0.1:\(server.port)/"), options: LiveClips.options())
        guard case .gap(let gap) = secret.next(timeout: 20) else {
            Issue.record("no gap")
            return
        }
        #expect(!gap.detail.contains("secret"))
    }

    /// A server can send a reader nowhere else: not by a redirect, not by a playlist, not by a script.
    @Test func serversCanNotSendTheReaderElsewhere() throws {
        let canary = try FaultyServer(LiveClips.stream.get())
        defer { canary.stop() }
        let file = try Clips.make("canary.ts", "-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=10")
        func page(_ type: String, _ body: String) -> String {
            "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        func moved(_ location: String) -> String {
            "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n"
        }
        let elsewhere = "127.0.0.1:\(canary.port)"
        let answers = [
            moved("http://\(elsewhere)/"), moved("tcp://\(elsewhere)"), moved("file://\(file)"),
            moved("https://\(elsewhere)/"),
            page(
                "application/vnd.apple.mpegurl",
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://\(elsewhere)/a.ts\n"),
            page("video/mp2t", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n\(file)\n#EXT-X-ENDLIST\n"),
            page("text/plain", "ffconcat version 1.0\nfile \(file)\n"),
            page(
                "application/sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
            page(
                "application/dash+xml", "<?xml version=\"1.0\"?><MPD><Period><BaseURL>\(file)</BaseURL></Period></MPD>"),
        ]
        for answer in answers {
            let server = try FaultyServer(.answer(answer))
            defer { server.stop() }
            let video = try LiveVideo(LiveSource("http://127.0.0.1:\(server.port)/a.mp4"), options: LiveClips.options())
            var seen = Watched()
            seen.watch(video, seconds: 20) { $0.gaps.count == 1 }
            video.close()
            #expect(seen.gaps.count == 1 && seen.frames.isEmpty && seen.openings.isEmpty, "\(answer) \(seen.gaps)")
            #expect([.refused, .damaged].contains(seen.gaps.first?.reason), "\(answer) \(seen.gaps)")
        }
        #expect(canary.connections == 0)
    }

    @Test func addressesAreLimitedToTheirSchemes() throws {
        for address in [
            "file:///etc/passwd", "ftp://a/b", "sftp://a/b", "rtmp://a/b", "data://a", "lavfi://x", "udplite://a",
        ] {
            #expect(throws: TokenReelError.self, "\(address)") { try LiveSource(address) }
        }
        #expect(try LiveSource("concat:a|b").kind == .file)
        #expect(try LiveSource("/dev/video0").kind == .device && LiveSource("-").kind == .pipe)
        #expect(try LiveSource("RTSP://user:pass@camera/1?a@b").name == "RTSP://camera/1?a@b")
        #expect(try !LiveSource("rtsp://camera/1").isLossless && LiveSource("a.mp4").isLossless)
    }
}
