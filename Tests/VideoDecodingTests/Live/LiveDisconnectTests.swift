import Foundation
import Testing
import TokenCore
import VideoDecoding

/// Sources that go away and come back.
///
/// `TOKENREEL_DISCONNECTS=200` is the long form: so many for each source, with the waits that users have.
@Suite(.serialized, .timeLimit(.minutes(120))) struct LiveDisconnectTests {
    private static let long = ProcessInfo.processInfo.environment["TOKENREEL_DISCONNECTS"].flatMap { Int($0) }

    /// Lets `strike` happen again and again, and expects frames after each.
    private func survive(_ source: LiveSource, count: Int, _ strike: (Int) throws -> LiveGap.Reason?) throws {
        var options = LiveClips.options()
        if Self.long != nil { (options.stallSeconds, options.backoff) = (10, 1...30) }
        let video = try LiveVideo(source, options: options)
        defer { video.close() }
        var seen = Watched()
        seen.watch(video, seconds: 30) { $0.frames.count == 3 }
        #expect(seen.frames.count == 3)
        var slowest = 0.0
        var reasons: [LiveGap.Reason: Int] = [:]
        for number in 0..<(Self.long ?? count) {
            let gaps = seen.gaps.count
            let expected = try strike(number)
            let returned = ContinuousClock.now
            seen.watch(video, seconds: 60) { $0.gaps.count > gaps }
            let reason = seen.gaps.dropFirst(gaps).first?.reason
            #expect(expected == nil || reason == expected, "\(number): \(String(describing: reason))")
            reason.map { reasons[$0, default: 0] += 1 }
            let frames = seen.frames.count
            seen.watch(video, seconds: 60) { $0.frames.count > frames }
            guard seen.frames.count > frames else {
                Issue.record("\(source.name) never came back from disconnect \(number): \(seen.gaps.suffix(3))")
                return
            }
            slowest = max(slowest, (seen.arrivals[frames] - returned) / .seconds(1))
            seen.watch(video, seconds: 30) { $0.frames.count > frames + 2 }
        }
        #expect(slowest < 15, "\(slowest) s")
        #expect(zip(seen.ticks, seen.ticks.dropFirst()).allSatisfy(<))
        // Times are those of the wall over all connections together.
        let shown = (seen.seconds.last ?? 0) - seen.seconds[0]
        let passed = ((seen.arrivals.last ?? .now) - seen.arrivals[0]) / .seconds(1)
        #expect(abs(shown - passed) < 1 + 0.01 * passed, "\(shown) s shown, \(passed) s passed")
        #expect(video.statistics.reopenings == Self.long ?? count && video.statistics.framesDropped == 0)
        if Self.long != nil {
            let kinds = reasons.map { "\($1) \($0)" }.sorted().joined(separator: ", ")
            print("\(source.name): \(video.statistics.reopenings) disconnects (\(kinds)), slowest return \(slowest) s")
        }
    }

    private func fault(_ number: Int) -> FaultyServer.Fault {
        FaultyServer.Fault.allCases[number % FaultyServer.Fault.allCases.count]
    }

    @Test func transportStreams() throws {
        let server = try FaultyServer(LiveClips.stream.get())
        defer { server.stop() }
        try survive(LiveSource("tcp://127.0.0.1:\(server.port)"), count: 10) { number in
            try server.strike(fault(number))
            return switch fault(number) {
            case .closed: .end
            case .silence: .stall
            default: nil
            }
        }
    }

    @Test func motionJPEG() throws {
        let server = try FaultyServer(LiveClips.pictures.get())
        defer { server.stop() }
        try survive(LiveSource("http://127.0.0.1:\(server.port)/video"), count: 5) { number in
            try server.strike(fault(number))
            return nil
        }
    }

    /// A real server, whose session is broken between it and the reader, and which is killed and started again.
    @Test(
        .enabled(if: CameraServer.isInstalled, "RTSP is tested where Debian's gir1.2-gst-rtsp-server-1.0 is installed"))
    func sessions() throws {
        var camera = try CameraServer()
        defer { camera.stop() }
        let relay = try FaultyServer(.relay(port: camera.port))
        defer { relay.stop() }
        let kinds = FaultyServer.Fault.allCases.count + 1
        try survive(LiveSource("rtsp://127.0.0.1:\(relay.port)/camera"), count: kinds) { number in
            if number % kinds < kinds - 1 {
                try relay.strike(fault(number % kinds))
            } else {
                camera.stop()
                camera = try CameraServer(port: camera.port)
            }
            return nil
        }
    }

    /// Pictures beside the session, in packets that no relay stands between; the server is killed and started again.
    @Test(
        .enabled(if: CameraServer.isInstalled, "RTSP is tested where Debian's gir1.2-gst-rtsp-server-1.0 is installed"))
    func sessionsOverUDP() throws {
        var camera = try CameraServer()
        defer { camera.stop() }
        var source = try LiveSource("rtsp://127.0.0.1:\(camera.port)/camera")
        source.transport = .udp
        try survive(source, count: 2) { _ in
            camera.stop()
            camera = try CameraServer(port: camera.port)
            return nil
        }
    }
}

/// GStreamer's RTSP server with a moving picture.
struct CameraServer {
    let port: UInt16
    private let sender: Sender

    /// Whether Python finds the server's bindings.
    static let isInstalled =
        (try? Clips.run(
            "/usr/bin/python3", "-c",
            "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
                + "Gst.init(None); exit(not Gst.ElementFactory.find('x264enc'))")) != nil

    init(port: UInt16? = nil) throws {
        // A port that was free a moment ago.
        let free = try FaultyServer(.answer(""))
        free.stop()
        self.port = port ?? free.port
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "rtsp-server.py").path
        sender = try Sender.start("/usr/bin/python3", script, "\(self.port)")
        // It takes a moment to listen.
        for _ in 0..<400 {
            if (try? Clips.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(self.port)")) != nil { return }
            usleep(50_000)
        }
        throw TokenReelError(.inputOutput, subject: "rtsp-server.py", found: "no answer")
    }

    func stop() { sender.kill() }
}
