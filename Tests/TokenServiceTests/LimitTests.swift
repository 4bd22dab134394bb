import Foundation
import TestSupport
import Testing
import TokenReel
import TokenService

@Suite(.serialized) struct LimitTests {
    private static let service = Result {
        try RunningService(
            "--max-bytes", "3000000", "--max-pixels", "1000000", "--max-frames", "200", "--max-decoded-frames", "2000",
            "--max-grid-bytes", "4000000", "--stall-seconds", "0.5", "--upload-seconds", "2", "--jobs", "1",
            "--waiting",
            "1")
    }
    private let service: RunningService

    init() throws { service = try Self.service.get() }

    @Test func bodiesAreLimited() throws {
        // Told before, and found out on the way.
        let big = Data(count: 3_000_001)
        #expect(try refusal { try $0.reduce(body: big) } == (413, "limit-exceeded"))
        let connection = try Connection(port: service.port)
        connection.send(RunningService.head("POST", "/v1/reduce", ["Transfer-Encoding": "chunked"], length: nil))
        for _ in 0..<4 {
            connection.send(Data("F4240\r\n".utf8) + Data(count: 1_000_000) + Data("\r\n".utf8))
        }
        let answer = try connection.answer()
        #expect(answer.status == 413 && answer.problem == "limit-exceeded")
        // One that sends everything before it listens gets its answer too.
        #expect(try refusal { try $0.reduce(body: Data(count: 12_000_000)) } == (413, "limit-exceeded"))
        // A length that can't be read ahead of a body that never comes.
        let announced = try Connection(port: service.port)
        announced.send(RunningService.head("POST", "/v1/reduce", [:], length: 1 << 40))
        #expect(try announced.answer().status == 413)
    }

    @Test func decodedSizesAreLimited() throws {
        let bomb = try ffmpeg("bomb.mkv", "color=gray:s=4096x4096:r=1,format=gray", "-frames:v", "1", "-c:v", "png")
        #expect(try refusal { try $0.reduce(body: bomb) } == (413, "limit-exceeded"))
        let long = try ffmpeg("frames.mp4", "color=black:s=16x16:r=1000", "-t", "5", "-c:v", "mpeg4", "-g", "600")
        #expect(try refusal { try $0.reduce("fps=1", body: long) } == (413, "limit-exceeded"))
        #expect(try refusal { try $0.reduce("fps=50") } == (413, "limit-exceeded"))
        #expect(try refusal { try $0.reduce("fps=10&grid=32x32") } == (413, "limit-exceeded"))
    }

    @Test func requestsLowerLimitsAndNeverRaiseThem() throws {
        for query in ["max-bytes=1000", "max-pixels=100000", "max-frames=3", "max-grid-bytes=100000"] {
            #expect(try refusal { try $0.reduce(query) }.status == 413, "\(query)")
        }
        #expect(
            try service.reduce("max-bytes=2000000&max-pixels=500000&max-frames=100&max-grid-bytes=3000000").status
                == 200)
        #expect(try refusal { try $0.reduce("max-bytes=2000000000", body: Data(count: 3_000_001)) }.status == 413)
        #expect(try refusal { try $0.reduce("max-frames=2000000000&fps=50") }.status == 413)
        #expect(try refusal { try $0.reduce("max-grid-bytes=2000000000&fps=10&grid=32x32") }.status == 413)
    }

    @Test func workHasADeadline() throws {
        #expect(try refusal { try $0.reduce("max-seconds=0.001") } == (408, "deadline-exceeded"))
    }

    @Test func uploadsHaveToArrive() throws {
        // Nothing at all, then a byte now and then.
        let silent = try Connection(port: service.port)
        silent.send(RunningService.head("POST", "/v1/reduce", [:], length: 1000))
        let answer = try silent.answer()
        #expect(answer.status == 408 && answer.problem == "upload-timeout")
        let slow = try Connection(port: service.port)
        slow.send(RunningService.head("POST", "/v1/reduce", [:], length: 1000))
        let start = ContinuousClock.now
        for _ in 0..<20 {
            guard slow.send(Data([0])) else { break }
            usleep(200_000)
        }
        #expect(try slow.answer().status == 408)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test func theQueueIsLimited() throws {
        let service = try RunningService("--jobs", "1", "--waiting", "1", "--stall-seconds", "20")
        // An upload that is on its way holds a place.
        let held = try (0..<2).map { _ in
            let connection = try Connection(port: service.port)
            connection.send(RunningService.head("POST", "/v1/reduce", [:], length: RunningService.clipBytes.count))
            connection.send(RunningService.clipBytes.prefix(100))
            return connection
        }
        try waitUntil { try service.metric("tokenreel_waiting") == 2 }
        let refused = try service.reduce()
        #expect(refused.status == 429 && refused.problem == "queue-full" && refused.fields["retry-after"] == "1")
        #expect(try service.ask("POST", "/v1/jobs", body: RunningService.clipBytes).status == 429)
        #expect(try service.ask("GET", "/readyz").status == 200)
        for connection in held { connection.send(RunningService.clipBytes.dropFirst(100)) }
        for connection in held { #expect(try connection.answer().status == 200) }
        #expect(try service.reduce().status == 200)
    }

    @Test func whoeverLeavesFreesTheirPlace() throws {
        let service = try RunningService("--jobs", "1", "--waiting", "0", "--stall-seconds", "20")
        for _ in 0..<3 {
            // A place that is not free yet would turn the next one away.
            try waitUntil { try service.metric("tokenreel_waiting") == 0 }
            let connection = try Connection(port: service.port)
            connection.send(RunningService.head("POST", "/v1/reduce", [:], length: 1000))
            // Whoever is not needed any more is closed at once.
            try withExtendedLifetime(connection) {
                try waitUntil { try service.metric("tokenreel_waiting") == 1 }
            }
        }
        try waitUntil { try service.metric("tokenreel_waiting") == 0 }
        #expect(try service.reduce().status == 200)
    }

    /// Status and code of a problem.
    private func refusal(_ ask: (RunningService) throws -> Answer) throws -> (status: Int, code: String?) {
        // Another test may fill the short queue for a moment.
        while true {
            let answer = try ask(service)
            if answer.status != 429 { return (answer.status, answer.problem) }
            usleep(20_000)
        }
    }
}

/// Waits for something that comes true soon.
func waitUntil(_ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !condition() {
        try #require(ContinuousClock.now < deadline)
        usleep(20_000)
    }
}

/// A clip made on the spot from one of FFmpeg's sources.
func ffmpeg(_ name: String, _ source: String, _ arguments: String...) throws -> Data {
    let scratch = try ScratchFolder()
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source] + arguments + [scratch.path(name)]
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return try scratch.bytes(name)
}
