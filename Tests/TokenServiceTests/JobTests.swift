import Foundation
import TestSupport
import Testing

@Suite struct JobTests {
    private static let service = Result { try RunningService("--kept-seconds", "60") }
    private let service: RunningService

    init() throws { service = try Self.service.get() }

    /// Starts a job and gives its path.
    private func start(_ query: String = "", body: Data = RunningService.clipBytes) throws -> String {
        let answer = try service.ask("POST", "/v1/jobs?\(query)", body: body)
        #expect(answer.status == 202, "\(answer.text)")
        let path = "/v1/jobs/\(try #require(try answer.json()["id"] as? String))"
        #expect(answer.fields["location"] == path)
        return path
    }

    /// The names and data of all events of a job.
    private func events(_ path: String) throws -> [(name: String, data: [String: Any])] {
        let answer = try service.ask("GET", path + "/events")
        #expect(answer.status == 200 && answer.fields["content-type"] == "text/event-stream")
        return try answer.text.components(separatedBy: "\n\n").dropLast().map { event in
            let lines = event.split(separator: "\n")
            try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
            let data = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst(6).utf8))
            return (String(lines[0].dropFirst(7)), try #require(data as? [String: Any]))
        }
    }

    @Test func eventsLeadToTheResult() throws {
        let path = try start("fps=25&keep=0.05")
        let events = try events(path)
        let last = try #require(events.last)
        #expect(last.name == "done" && (last.data["report"] as? [String: Any])?["tokens"] is [String: Any])
        #expect(events.dropLast().allSatisfy { ["queued", "running"].contains($0.name) })
        let frames = events.compactMap { $0.data["frames"] as? Int }
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(events.contains { $0.data["expected_frames"] as? Int == 300 })
        let job = try service.ask("GET", path).json()
        #expect(job["state"] as? String == "done" && job["result"] as? String == path + "/result")
        let result = try service.ask("GET", path + "/result")
        #expect(try result.status == 200 && result.body == service.reduce("fps=25&keep=0.05").body)
        for type in ["application/x-ndjson", "text/html"] {
            let other = try service.ask("GET", path + "/result", ["Accept": type])
            #expect(other.status == 200 && other.fields["content-type"]?.hasPrefix(type) == true)
        }
        #expect(try service.ask("GET", path + "/result", ["Accept": "image/png"]).status == 406)
        #expect(try service.ask("DELETE", path).status == 204)
        #expect(try service.ask("GET", path).problem == "no-such-job")
    }

    @Test func whatGoesWrongIsTheLastEvent() throws {
        let path = try start(body: Data("This is not a video.\n".utf8))
        let last = try #require(try events(path).last)
        #expect(last.name == "failed")
        #expect((last.data["problem"] as? [String: Any])?["code"] as? String == "unreadable-input")
        let result = try service.ask("GET", path + "/result")
        #expect(result.status == 422 && result.problem == "unreadable-input")
    }

    @Test func jobsCanBeCancelled() throws {
        // Long enough to be caught at work.
        let clip = try ffmpeg(
            "long.mp4", "testsrc2=s=1280x720:r=50,noise=alls=20:allf=t", "-t", "20", "-c:v", "mpeg4", "-q:v", "10")
        let path = try start("frames=all", body: clip)
        try waitUntil {
            try service.ask("GET", path).json()["state"] as? String == "running" && !service.decoders.isEmpty
        }
        #expect(try service.ask("GET", path + "/result").problem == "not-done")
        #expect(try service.ask("DELETE", path).status == 204)
        let deadline = ContinuousClock.now + .seconds(10)
        while !service.decoders.isEmpty, ContinuousClock.now < deadline { usleep(10_000) }
        #expect(service.decoders.isEmpty)
        try waitUntil { try service.metric("tokenreel_running") == 0 }
    }

    @Test func onlySoManyAreRemembered() throws {
        let service = try RunningService("--kept-jobs", "2", "--kept-seconds", "2")
        func start() throws -> String {
            let answer = try service.ask("POST", "/v1/jobs?frames=2", body: RunningService.clipBytes)
            let path = "/v1/jobs/\(try #require(try answer.json()["id"] as? String))"
            _ = try service.ask("GET", path + "/events")
            return path
        }
        let paths = try (0..<3).map { _ in try start() }
        #expect(try service.ask("GET", paths[0]).status == 404)
        #expect(try service.ask("GET", paths[2]).status == 200)
        try waitUntil { try service.ask("GET", paths[2]).status == 404 }
        #expect(try service.metric("tokenreel_jobs") == 0)
    }

    @Test func namesAreNotGuessed() throws {
        for id in ["1", "..", "%2e%2e", "%00", "a/b", String(repeating: "a", count: 5000)] {
            #expect(try service.ask("GET", "/v1/jobs/\(id)").status == 404, "\(id.prefix(10))")
        }
    }
}
