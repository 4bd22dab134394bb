import Foundation
import TestSupport
import Testing

/// Orders that a stream takes while it runs.
@Suite struct StreamControlTests {
    private func start(_ control: String, _ scratch: ScratchFolder) throws -> RunningCommand {
        try RunningCommand(
            ["stream", CommandRun.clip, "--realtime", "--fps", "5", "--window", "4", "--control", control], in: scratch,
            keepsInputOpen: true)
    }

    private func hasAnswered(_ running: RunningCommand, _ type: String) throws -> Bool {
        try running.waits { try StreamRecords($0.linesSoFar.joined(separator: "\n")).types.contains(type) }
    }

    @Test func queriesComeAndGoThroughStandardInput() throws {
        let scratch = try ScratchFolder()
        let running = try start("-", scratch)
        #expect(try hasAnswered(running, "opened"))
        running.send("{\"add\":{\"name\":\"ball\",\"image\":\"\(CommandRun.ball)\"}}\n")
        #expect(try hasAnswered(running, "added"))
        let isSteered = try running.waits {
            try StreamRecords($0.linesSoFar.joined(separator: "\n")).segments.last?["queries"] as? [String] == ["ball"]
        }
        #expect(isSteered)
        running.send("{\"remove\":\"ball\"}\n{\"remove\":\"ball\"}\n")
        #expect(try hasAnswered(running, "removed"))
        let isFree = try running.waits {
            try StreamRecords($0.linesSoFar.joined(separator: "\n")).segments.last?["queries"] as? [String] == []
        }
        #expect(isFree)
        running.send("{\"status\":true}\n")
        #expect(try hasAnswered(running, "status"))
        running.send("{\"finish\":true}\n")
        let run = try running.wait()
        #expect(run.status == 0, "\(run.errors)")
        let records = try StreamRecords(run.text)
        let error = records.of("error").first
        #expect(records.of("error").count == 1 && error?["line"] as? String == "{\"remove\":\"ball\"}")
        let status = try #require(records.of("status").first?["streams"] as? [[String: Any]])
        #expect(status.count == 1 && status[0]["state"] as? String == "open")
        #expect(records.types.last == "ended")
    }

    @Test func badLinesAreAnsweredAndEndNothing() throws {
        let scratch = try ScratchFolder()
        let running = try start("-", scratch)
        let bad = [
            "nonsense", "[]", "{}", "{\"add\":{\"name\":\"x\"}}", "{\"add\":{\"text\":\"x\"}}",
            "{\"add\":{\"name\":\"x\",\"image\":\"/nowhere.png\"}}", "{\"add\":{\"name\":\"x\",\"text\":\"a dog\"}}",
            "{\"finish\":false}", "{\"finish\":true,\"stream\":\"other\"}", "{\"add\":1,\"remove\":2}",
            "{\"snapshot\":\"here.safetensors\"}", "\u{0}\u{1}",
        ]
        for line in bad { running.send(line + "\n\n") }
        running.send(String(repeating: "x", count: 3_000_000) + "\n")
        running.send("{\"finish\":true}\n")
        let run = try running.wait()
        #expect(run.status == 0)
        let errors = try StreamRecords(run.text).of("error")
        #expect(errors.count == bad.count + 1)
        #expect(errors.dropLast().compactMap { $0["line"] as? String } == bad)
        #expect(errors.allSatisfy { ($0["error"] as? [String: Any])?["code"] is String })
    }

    @Test(arguments: ["pipe", "file"])
    func ordersComeThroughAPipeOrAGrowingFile(_ kind: String) throws {
        let scratch = try ScratchFolder()
        let path = scratch.path("orders")
        if kind == "pipe" { mkfifo(path, 0o600) } else { try scratch.write("{\"status\":true}\n", to: "orders") }
        let running = try start("orders", scratch)
        #expect(try hasAnswered(running, "opened"))
        // Three writers after one another, the second of them in the middle of a line.
        for part in ["{\"status\":true}\n{\"rem", "ove\":\"nothing\"}\n", "{\"finish\":true}\n"] {
            let writer = try FileHandle(forWritingTo: URL(filePath: path))
            if kind == "file" { try writer.seekToEnd() }
            try writer.write(contentsOf: Data(part.utf8))
            try writer.close()
            usleep(150_000)
        }
        let run = try running.wait()
        #expect(run.status == 0)
        let records = try StreamRecords(run.text)
        #expect(records.of("status").count == (kind == "pipe" ? 1 : 2))
        #expect(records.of("error").compactMap { $0["line"] as? String } == ["{\"remove\":\"nothing\"}"])
    }

    @Test func aReplacedFileIsReadFromItsStart() throws {
        let scratch = try ScratchFolder()
        try scratch.write("{\"status\":true}\n", to: "orders")
        let running = try start("orders", scratch)
        #expect(try hasAnswered(running, "status"))
        try scratch.write("{\"finish\":true}\n", to: "new")
        rename(scratch.path("new"), scratch.path("orders"))
        #expect(try running.wait().status == 0)
    }
}
