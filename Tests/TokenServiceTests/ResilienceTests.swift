import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct ResilienceTests {
    @Test func hostileUploadsHarmNobody() throws {
        let service = try RunningService("--max-seconds", "60")
        let hostile = try HostileUploads()
        for (name, bytes) in hostile.uploads {
            let answer = try service.reduce("fps=2", body: bytes)
            // Some damage leaves something to see.
            let isDamage = name.hasPrefix("damage") || name.hasPrefix("part")
            #expect((400..<500).contains(answer.status) || isDamage && answer.status == 200, "\(name): \(answer.text)")
            #expect(answer.status == 200 || answer.problem != nil, "\(name): \(answer.text)")
        }
        #expect(service.isRunning && service.decoders.isEmpty)
        // The same at once with honest ones, which get what they always get.
        let honest = try service.reduce().body
        let kinds = hostile.uploads.count
        let bad = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 64) { number in
            let isHostile = number % 10 == 0
            let upload = isHostile ? hostile.uploads[number / 10 * 5 % kinds].bytes : RunningService.clipBytes
            let answer = try? service.reduce(body: upload)
            let isFine = isHostile ? answer.map { $0.status < 500 } ?? false : answer?.body == honest
            if !isFine { bad.withLock { $0.append("\(number): \(answer?.status ?? 0)") } }
        }
        #expect(bad.withLock { $0 } == [])
        #expect(!hostile.socketWasTouched() && hostile.fileWasTouched() != true)
        #expect(service.isRunning)
    }

    @Test func aLostDecoderIsTheUploadsFault() throws {
        let service = try RunningService()
        let clip = try ffmpeg(
            "long.mp4", "testsrc2=s=1280x720:r=50,noise=alls=20:allf=t", "-t", "20", "-c:v", "mpeg4", "-q:v", "10")
        for signal in [SIGSEGV, SIGKILL] {
            let answer = Mutex<Answer?>(nil)
            let asked = DispatchGroup()
            asked.enter()
            Thread.detachNewThread {
                let received = try? service.reduce("frames=all", body: clip)
                answer.withLock { $0 = received }
                asked.leave()
            }
            try waitUntil { !service.decoders.isEmpty }
            // Long enough to be at work, not long enough to be done.
            usleep(100_000)
            for child in service.decoders { kill(child, signal) }
            asked.wait()
            let received = try #require(answer.withLock { $0 })
            #expect(received.status == 422 && received.problem == "unreadable-input", "\(received.text)")
        }
        #expect(try service.reduce().status == 200)
    }

    @Test func decodersMayNotTakeAllMemory() throws {
        // Not even the libraries fit.
        let service = try RunningService("--decoder-memory", "20000000")
        let answer = try service.reduce()
        #expect((400..<500).contains(answer.status) && answer.problem != nil, "\(answer.text)")
        #expect(try service.ask("GET", "/healthz").status == 200)
    }

    @Test func whatWasBegunIsFinishedBeforeTheEnd() throws {
        let service = try RunningService("--jobs", "1")
        let clip = try ffmpeg("c.mp4", "testsrc2=s=640x360:r=25", "-t", "8", "-c:v", "mpeg4")
        let connection = try Connection(port: service.port)
        connection.send(RunningService.head("POST", "/v1/reduce?frames=all", [:], length: clip.count) + clip)
        try waitUntil { try service.metric("tokenreel_running") == 1 }
        let job = try service.ask("POST", "/v1/jobs?frames=all", body: clip).json()
        let events = try Connection(port: service.port)
        events.send(
            RunningService.head("GET", "/v1/jobs/\(try #require(job["id"] as? String))/events", [:], length: nil))
        _ = events.receive()
        let start = ContinuousClock.now
        service.terminate()
        #expect(try connection.answer().status == 200)
        #expect(service.wait() == 0)
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(throws: POSIXError.self) { try Connection(port: service.port) }
        #expect(service.log.contains("answered"))
    }

    @Test func workThatTakesTooLongEndsWithTheService() throws {
        let service = try RunningService("--drain-seconds", "0.2")
        let clip = try ffmpeg(
            "long.mp4", "testsrc2=s=1280x720:r=50,noise=alls=20:allf=t", "-t", "20", "-c:v", "mpeg4", "-q:v", "10")
        let connection = try Connection(port: service.port)
        connection.send(RunningService.head("POST", "/v1/reduce?frames=all", [:], length: clip.count) + clip)
        try waitUntil { !service.decoders.isEmpty }
        service.terminate()
        let answer = try connection.answer()
        #expect(answer.status == 503 && answer.problem == "draining")
        #expect(service.wait() == 0)
    }

    /// `TOKENREEL_REQUESTS` sets the number of requests; a thousand take minutes where cores are few.
    @Test func requestsLeaveNothingBehind() throws {
        let count = ProcessInfo.processInfo.environment["TOKENREEL_REQUESTS"].flatMap { Int($0) } ?? 200
        let service = try RunningService()
        func figures() throws -> (memory: Double, descriptors: Double) {
            (
                try #require(try service.metric("process_resident_memory_bytes")),
                try #require(try service.metric("process_open_fds"))
            )
        }
        func requests(_ range: Range<Int>) throws {
            for number in range {
                switch number % 5 {
                case 3: #expect(try service.reduce(body: Data("no video\n".utf8)).status == 422)
                case 4:
                    let job = try service.ask("POST", "/v1/jobs?frames=2", body: RunningService.clipBytes).json()
                    let path = "/v1/jobs/\(try #require(job["id"] as? String))"
                    _ = try service.ask("GET", path + "/events")
                    #expect(try service.ask("DELETE", path).status == 204)
                default: #expect(try service.reduce("frames=4").status == 200)
                }
            }
        }
        // What a library keeps once it was used is there after the first of them.
        try requests(0..<count / 2)
        let before = try figures()
        try requests(0..<count)
        let after = try figures()
        #expect(after.descriptors <= before.descriptors, "\(before) \(after)")
        #expect(after.memory - before.memory < 8e6, "\(before) \(after)")
    }

    @Test func logLinesStayLines() throws {
        let service = try RunningService()
        let answer = try service.ask("GET", "/\u{1B}[31m\u{9B}x=\"1\"")
        #expect(answer.status >= 400)
        _ = try service.ask("GET", "/a%0Ab", ["X-Name": "\u{1B}[31m"])
        if let name = answer.fields["x-request-id"] { #expect(service.log.contains("request=\(name)")) }
        #expect(!service.log.utf8.contains { $0 < 32 && $0 != 10 } && !service.log.unicodeScalars.contains("\u{9B}"))
        #expect(service.log.split(separator: "\n").allSatisfy { $0.hasPrefix("20") })
    }
}
