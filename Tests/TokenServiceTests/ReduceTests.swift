import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding

@Suite struct ReduceTests {
    private static let service = Result { try RunningService() }
    private let service: RunningService

    init() throws { service = try Self.service.get() }

    /// What the library makes of the sample clip in this process.
    private func expected(_ change: (inout Pipeline) -> Void = { _ in }) throws -> Data {
        let scratch = try ScratchFolder()
        var pipeline = try Pipeline()
        change(&pipeline)
        let reduced = try pipeline.reduce(OpenInput(.file(RunningService.clip)))
        try reduced.sequence.write(to: scratch.path("a"), metadata: reduced.metadata)
        return try scratch.bytes("a")
    }

    @Test func tokensAreThoseOfTheLibrary() throws {
        let answer = try service.reduce()
        #expect(answer.status == 200 && answer.fields["content-type"] == "application/octet-stream")
        #expect(try answer.body == expected())
        let chosen = try service.reduce("method=tome&tokens=77&fps=2&end=8&order=prefix&set=scope=clip")
        #expect(
            try chosen.body
                == expected {
                    $0.method = "tome"
                    $0.request.budget = .tokens(77)
                    $0.decodeOptions.sampling = .rate(2)
                    $0.decodeOptions.end = 8
                    $0.request.order = .prefix
                    $0.parameters = ["scope": "clip"]
                })
    }

    @Test func linesSayWhatTheFileHolds() throws {
        let answer = try service.reduce("dtype=f32&per-frame=3", ["Accept": "application/x-ndjson"])
        #expect(answer.status == 200 && answer.fields["content-type"] == "application/x-ndjson")
        let lines = try answer.text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let scratch = try ScratchFolder()
        try service.reduce("dtype=f32&per-frame=3").body.write(to: scratch.url.appending(path: "a"))
        let sequence = try TokenSequenceFile(path: scratch.path("a")).sequence
        #expect(lines.first?["type"] as? String == "header" && lines.first?["tokens"] as? Int == sequence.count)
        let tokens = lines.dropFirst().dropLast()
        #expect(tokens.count == 36 && tokens.allSatisfy { $0["type"] as? String == "token" })
        #expect(tokens.flatMap { ($0["values"] as? [Double] ?? []).map { Float($0) } } == sequence.tokens.array)
        #expect(tokens.flatMap { $0["position"] as? [Int] ?? [] } == sequence.positions.map(Int.init))
        #expect(tokens.compactMap { $0["time"] as? Double } == sequence.timestamps)
        #expect(tokens.flatMap { $0["sources"] as? [Int] ?? [] } == sequence.plan.sources.map(Int.init))
        let report = try #require(lines.last)
        #expect(report["type"] as? String == "report")
        #expect((report["tokens"] as? [String: Any])?["out"] as? Int == 36)
    }

    @Test func pageShowsThePictures() throws {
        let answer = try service.reduce("source-name=a%20%3Cb%3E", ["Accept": "text/html"])
        #expect(answer.status == 200 && answer.fields["content-security-policy"]?.contains("sandbox") == true)
        let page = try PageData(answer.text)
        let frames = try #require(page.object["frames"] as? [[String: Any]])
        #expect(frames.count == 12 && frames.allSatisfy { $0["picture"] is String })
        #expect(page.object["title"] as? String == "a <b>" && page.isSelfContained)
    }

    @Test func pageToDropAVideoOnHasTheStyleOfTheOthers() throws {
        let page = try service.ask("GET", "/").text
        #expect(page.contains("<title>TokenReel</title>") && page.contains("--accent:") && !page.contains("{{"))
    }

    @Test func gridsAreTakenToo() throws {
        let scratch = try ScratchFolder()
        let encoded = try Pipeline().encode(OpenInput(.file(RunningService.clip)))
        try encoded.grid.write(to: scratch.path("grid"))
        let answer = try service.reduce("tokens=50", body: scratch.bytes("grid"))
        #expect(answer.status == 200)
        var pipeline = try Pipeline()
        pipeline.request.budget = .tokens(50)
        let reduced = try pipeline.reduce(OpenInput(.file(scratch.path("grid"))))
        try reduced.sequence.write(to: scratch.path("a"), metadata: reduced.metadata)
        #expect(try answer.body == scratch.bytes("a"))
        let page = try service.reduce("tokens=50", ["Accept": "text/html"], body: scratch.bytes("grid"))
        #expect(page.status == 200)
    }

    @Test(arguments: [
        ("nothing=1", 400), ("method=nothing", 400), ("keep=0", 400), ("keep=2", 400), ("keep=nan", 400),
        ("tokens=0", 400), ("tokens=-1", 400), ("tokens=1e3", 400), ("tokens=9999999999999999999", 400),
        ("keep=0.1&tokens=5", 400), ("fps=1&frames=4", 400), ("fps=1&fps=2", 400), ("fps=inf", 400), ("frames=0", 400),
        ("start=-1", 400), ("start=3&end=2", 400), ("end=0.0001&start=0", 200), ("keyframes=maybe", 400),
        ("keyframes=true", 200), ("keyframes=false", 200), ("dtype=f64", 400), ("dtype=bf16", 200),
        ("quantize=nothing", 400), ("quantize=tokenbridge:6", 200), ("order=random", 400), ("codebook=0", 400),
        ("method=vqtoken&codebook=8", 200), ("set=tau", 400), ("set=nothing=1", 400), ("grid=0x3", 400),
        ("grid=3", 400), ("grid=999x999", 400), ("grid=4x5", 200), ("stream=7", 400), ("model=/etc/passwd", 400),
        ("model=built-in", 200), ("query=a%20dog", 422), ("method=cdpruner", 422), ("fps=1%", 400),
        ("fps=%ff", 400), ("source-name=a%00b", 400), ("start=100", 422), ("as-published=true&method=evs", 200),
    ])
    func parametersAreChecked(query: String, status: Int) throws {
        let answer = try service.reduce(query)
        #expect(answer.status == status, "\(query): \(answer.text.prefix(300))")
        #expect(answer.status == 200 || answer.problem != nil, "\(answer.text.prefix(300))")
    }

    @Test(arguments: [
        ("*/*", "application/octet-stream"), ("application/*", "application/octet-stream"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/x-ndjson;q=0.9, application/octet-stream;q=0.1", "application/x-ndjson"),
        ("application/octet-stream;q=0, application/*", "application/x-ndjson"), ("image/png", nil),
        ("*/*;q=0", nil),
    ])
    func answersComeInTheTypeAskedFor(accept: String, type: String?) throws {
        let answer = try service.reduce("frames=2", ["Accept": accept])
        if let type {
            #expect(answer.status == 200 && answer.fields["content-type"] == type)
        } else {
            #expect(answer.status == 406 && answer.problem == "not-acceptable")
        }
    }

    @Test func theCommandBecomesTheService() throws {
        let command = RunningService.executable.deletingLastPathComponent().appending(path: "tokenreel")
        let service = try RunningService(command, ["serve"])
        #expect(try service.ask("GET", "/healthz").text == "{\"status\":\"ok\"}")
        service.terminate()
        #expect(service.wait() == 0)
    }

    @Test func requestsCanFollowEachOtherOnOneConnection() throws {
        let connection = try Connection(port: service.port)
        for _ in 0..<3 {
            connection.send(Data("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
            #expect(try connection.answer().status == 200)
        }
    }
}
