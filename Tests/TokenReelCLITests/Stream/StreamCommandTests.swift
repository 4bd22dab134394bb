import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReel

@Suite struct StreamCommandTests {
    @Test func aFileBecomesSegmentsAndAnIndex() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "stream", CommandRun.clip, "--fps", "4", "--keep", "0.1", "--out-dir", "tokens", in: scratch)
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        let records = try StreamRecords(run.text)
        #expect(records.types.first == "opened" && records.types.last == "ended")
        #expect(records.all.allSatisfy { $0["stream"] as? String == "clip" })
        #expect(records.segments.count >= 2 && records.frames.first?.first == 0 && records.frames.last?.last == 48)
        #expect(zip(records.frames, records.frames.dropFirst()).allSatisfy { $0[1] == $1[0] })
        #expect(records.segments.compactMap { $0["tokens_in"] as? Int }.reduce(0, +) == 9408)
        #expect(records.segments.compactMap { $0["tokens_out"] as? Int }.reduce(0, +) == 941)
        let ends = records.segments.flatMap { [$0["start"] as? Double ?? .nan, $0["end"] as? Double ?? .nan] }
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 } && abs((ends.last ?? 0) - 11.75) < 0.1)
        let listing = try SegmentListing(scratch.path("tokens"))
        #expect(listing.isConsistent && listing.files == records.segments.compactMap { $0["file"] as? String })
        #expect(listing.ids == Array(0..<records.segments.count))
    }

    @Test func aPipeInAndSegmentsOut() throws {
        let scratch = try ScratchFolder()
        let clip = try Data(contentsOf: URL(filePath: CommandRun.clip))
        let run = try CommandRun.tokenreel(
            "stream", "-", "--fps", "4", "-o", "-", "--dtype", "f32", input: clip, in: scratch)
        let filed = try CommandRun.tokenreel(
            "stream", CommandRun.clip, "--fps", "4", "--out-dir", "tokens", "--dtype", "f32", in: scratch)
        #expect(run.status == 0 && filed.status == 0)
        let records = try StreamRecords(run.errors)
        #expect(records.types.first == "opened" && records.types.last == "ended")
        let listing = try SegmentListing(scratch.path("tokens"))
        #expect(records.segments.count == listing.files.count)
        var rest = run.output[...]
        for (record, name) in zip(records.segments, listing.files) {
            let length = Int(rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            #expect(record["bytes"] as? Int == length)
            try Data(rest.dropFirst(8).prefix(length)).write(to: scratch.url.appending(path: "one"))
            let (piped, filed) = (
                try TokenSequenceFile(path: scratch.path("one")).sequence,
                try TokenSequenceFile(path: "\(listing.path)/\(name)").sequence
            )
            #expect(piped.tokens.array == filed.tokens.array && piped.plan == filed.plan)
            #expect(piped.frameTimes == filed.frameTimes)
            rest = rest.dropFirst(8 + length)
        }
        #expect(rest.isEmpty)
    }

    @Test func aFileThatHoldsNoVideoIsAFailure() throws {
        let scratch = try ScratchFolder()
        try Data("no video at all".utf8).write(to: scratch.url.appending(path: "words.mp4"))
        let run = try CommandRun.tokenreel("stream", "words.mp4", in: scratch)
        #expect(run.status == 3 && run.errors.contains("words"), "\(run.errors)")
        let records = try StreamRecords(run.text)
        #expect(records.types == ["gap", "ended"])
        #expect((records.all.last?["error"] as? [String: Any])?["code"] as? String == "unreadable-input")
        let missing = try CommandRun.tokenreel("stream", "nothing.mp4", in: scratch)
        #expect(missing.status == 3 && missing.errors.contains("No such file"), "\(missing.errors)")
    }

    @Test func severalSourcesHaveAFolderEach() throws {
        let scratch = try ScratchFolder()
        for name in ["a.mp4", "b/a.mp4", "c.mp4"] { try scratch.addClip(name) }
        let run = try CommandRun.tokenreel(
            "stream", "a.mp4", "b/a.mp4", "c.mp4", "--fps", "2", "--out-dir", "tokens", "--window", "8",
            "--status-file", "status.json", in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        let records = try StreamRecords(run.text)
        let names = Set(records.all.compactMap { $0["stream"] as? String })
        #expect(names.count == 3)
        for name in names {
            let listing = try SegmentListing(scratch.path("tokens/\(name)"))
            #expect(listing.isConsistent && (listing.index.last?["frames"] as? [Int])?.last == 24)
        }
        let status = try JSONSerialization.jsonObject(with: scratch.bytes("status.json")) as? [String: Any]
        let streams = try #require(status?["streams"] as? [[String: Any]])
        #expect(streams.map { $0["state"] as? String } == ["ended", "ended", "ended"])
        for stream in streams {
            let frames = try #require(stream["frames"] as? [String: Int])
            #expect(frames["sampled"] == 24 && frames["encoded"] == 24 && frames["dropped"] == 0 && frames["open"] == 0)
            let latency = try #require(stream["latency"] as? [String: Double])
            #expect(latency["count"] == 24)
            let percentiles = ["p50", "p95", "p99", "max"].compactMap { latency[$0] }
            #expect(percentiles.count == 4 && percentiles == percentiles.sorted())
        }
    }

    @Test func aSecondRunGoesOnInTheSameFolder() throws {
        let scratch = try ScratchFolder()
        for _ in 0..<2 {
            let run = try CommandRun.tokenreel("stream", CommandRun.clip, "--out-dir", "tokens", in: scratch)
            #expect(run.status == 0)
        }
        let listing = try SegmentListing(scratch.path("tokens"))
        #expect(listing.isConsistent && listing.ids == Array(0..<listing.ids.count))
        #expect(Set(listing.index.compactMap { $0["run"] as? Int }) == [0, 1])
    }

    @Test func theDiskHasAQuota() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "stream", CommandRun.clip, "--fps", "10", "--window", "4", "--out-dir", "tokens", "--max-disk", "200kB",
            in: scratch)
        #expect(run.status == 0)
        let written = try StreamRecords(run.text).segments
        let listing = try SegmentListing(scratch.path("tokens"))
        #expect(listing.isConsistent && listing.ids.count >= 2 && listing.ids.count < written.count)
        #expect(listing.ids == Array(written.count - listing.ids.count..<written.count))
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path("tokens"))
        #expect(try names.reduce(0) { try $0 + scratch.bytes("tokens/\($1)").count } <= 200_000)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalFinishesTheOpenSegment(_ signal: Int32) throws {
        let scratch = try ScratchFolder()
        let clip = try EndlessClip(speed: 1)
        let running = try RunningCommand(
            [
                "stream", "-", "--fps", "5", "--window", "1000", "--method", "evs", "--out-dir", "tokens",
                "--status-file", "status.json",
            ],
            in: scratch, reading: clip.pipe)
        let isFilling = running.waits { _ in
            let status = (try? scratch.bytes("status.json")).flatMap { try? JSONSerialization.jsonObject(with: $0) }
            let streams = (status as? [String: Any])?["streams"] as? [[String: Any]]
            return (streams?.first?["frames"] as? [String: Int])?["open"] ?? 0 >= 5
        }
        #expect(isFilling)
        let start = Date()
        running.signal(signal)
        let run = try running.wait()
        #expect(-start.timeIntervalSinceNow < 2)
        #expect(run.status == 128 + signal, "\(run.errors)")
        let records = try StreamRecords(run.text)
        #expect(records.types == ["opened", "segment", "ended"] && (records.frames.first?.last ?? 0) >= 5)
        #expect(try SegmentListing(scratch.path("tokens")).isConsistent)
    }

    /// As on a full disk: what can't be written is told and counted, and the stream goes on once it can.
    @Test func aSegmentThatCanNotBeWrittenIsToldOf() throws {
        let scratch = try ScratchFolder()
        let clip = try EndlessClip(speed: 2)
        let running = try RunningCommand(
            ["stream", "-", "--fps", "5", "--window", "2", "--out-dir", "tokens"], in: scratch, reading: clip.pipe)
        func told(_ type: String) throws -> Int {
            try StreamRecords(running.linesSoFar.joined(separator: "\n")).of(type).count
        }
        #expect(try running.waits { _ in try told("opened") == 1 })
        // A folder in its place makes the sixth file impossible to name.
        let obstacle = scratch.path("tokens/segment-00000005.safetensors")
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        #expect(try running.waits { _ in try told("lost") >= 1 })
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(try running.waits { _ in try told("segment") >= 8 })
        running.signal(SIGTERM)
        let run = try running.wait()
        let records = try StreamRecords(run.text)
        #expect(run.status == 143 && run.errors.hasPrefix("error: "))
        #expect(records.segments.compactMap { $0["id"] as? Int } == Array(0..<records.segments.count))
        // Together, what was written and what was lost are all frames.
        let frames = records.all.compactMap { $0["frames"] as? [Int] }
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $0[1] == $1[0] })
        #expect(try SegmentListing(scratch.path("tokens")).isConsistent)
    }

    /// The request to hang up gives up one connection and makes another; nothing is lost or told twice, and times rise.
    @Test func hangingUpOpensTheSourceAnew() throws {
        let scratch = try ScratchFolder()
        // Two servers on one port after the other, as a camera that has been restarted.
        let port = Int.random(in: 20_000..<30_000)
        let server = """
            for turn in 1 2; do ffmpeg -v quiet -re -stream_loop -1 -i "$0" -c copy -f mpegts \
                "tcp://127.0.0.1:\(port)?listen=1&listen_timeout=30000"; done
            """
        let sender = try RunningCommand(
            ["-c", server, CommandRun.clip], of: URL(filePath: "/bin/bash"), in: scratch)
        let running = try RunningCommand(
            ["stream", "tcp://127.0.0.1:\(port)", "--fps", "5", "--window", "5", "--out-dir", "tokens"], in: scratch)
        func told(_ isEnough: @escaping (StreamRecords) -> Bool) throws -> Bool {
            try running.waits { isEnough(try StreamRecords($0.linesSoFar.joined(separator: "\n"))) }
        }
        #expect(try told { $0.segments.count >= 1 })
        running.signal(SIGHUP)
        #expect(try told { $0.of("opened").count == 2 })
        let before = try StreamRecords(running.linesSoFar.joined(separator: "\n")).segments.count
        #expect(try told { $0.segments.count >= before + 2 })
        running.signal(SIGTERM)
        let run = try running.wait()
        #expect(run.status == 143, "\(run.errors)")
        sender.signal(SIGKILL)
        let records = try StreamRecords(run.text)
        #expect(records.of("gap").contains { $0["reason"] as? String == "reopened" })
        #expect(records.of("gap").allSatisfy { $0["since"] is Double || $0["since"] is NSNull })
        #expect(records.frames.first?.first == 0)
        #expect(zip(records.frames, records.frames.dropFirst()).allSatisfy { $0[1] == $1[0] })
        let times = records.segments.flatMap { [$0["start"] as? Double ?? .nan, $0["end"] as? Double ?? .nan] }
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(records.segments.compactMap { $0["id"] as? Int } == Array(0..<records.segments.count))
        let listing = try SegmentListing(scratch.path("tokens"))
        #expect(listing.isConsistent && listing.ids.count == records.segments.count)
        let index = try String(contentsOfFile: scratch.path("tokens/index.jsonl"), encoding: .utf8)
        #expect(index.contains("{\"type\":\"gap\",\"reason\":\"reopened\""))
    }

    @Test(arguments: ["sink-window", "averaged-sink", "novelty", "merging"])
    func aMemoryIsAnOrdinaryTokenFile(_ policy: String) throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "stream", CommandRun.clip, "--fps", "4", "--out-dir", "tokens", "--memory", policy, "--memory-tokens",
            "400",
            in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        let memory = try TokenSequenceFile(path: scratch.path("tokens/memory.safetensors"))
        #expect(1...400 ~= memory.sequence.count && memory.metadata["memory"]?.contains(policy) == true)
        #expect((memory.sequence.frameTimes.last ?? 0) > 9)
        #expect(try CommandRun.tokenreel("inspect", "tokens/memory.safetensors", in: scratch).status == 0)
        // The folder's next run leaves it alone, and it is no segment.
        #expect(try SegmentListing(scratch.path("tokens")).isConsistent)
    }

    @Test(arguments: ["fresh", "frozen", "updated", "versioned"])
    func codebooksOfSegmentsAreSharedAsAsked(_ mode: String) throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            "stream", CommandRun.clip, "--fps", "10", "--window", "8", "--method", "vqtoken", "--out-dir", "tokens",
            "--codebook-mode", mode, in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        let listing = try SegmentListing(scratch.path("tokens"))
        let codebooks = try listing.files.map {
            try #require(try TokenSequenceFile(path: "\(listing.path)/\($0)").sequence.codebook).array
        }
        #expect(codebooks.count >= 12)
        let last = codebooks.suffix(3)
        #expect(Set(last).count == (mode == "fresh" || mode == "updated" ? 3 : 1))
    }

    @Test func theReaderMayGoAway() throws {
        let scratch = try ScratchFolder()
        let clip = try EndlessClip()
        let pipeline = "\"$0\" stream - --fps 10 --window 2 | head -n 2 > /dev/null; echo ${PIPESTATUS[0]}"
        let run = try RunningCommand(
            ["-c", pipeline, CommandRun.executable.path], of: URL(filePath: "/bin/bash"), in: scratch,
            reading: clip.pipe
        ).wait()
        #expect(run.text == "141\n" && run.errors.isEmpty)
    }

    /// A reader that stops to read holds the stream back, but not its end.
    @Test func theReaderMayFallAsleep() throws {
        let scratch = try ScratchFolder()
        let clip = try EndlessClip()
        mkfifo(scratch.path("pipe"), 0o600)
        let reader = open(scratch.path("pipe"), O_RDWR)
        defer { close(reader) }
        let running = try RunningCommand(
            [
                "-c", "exec \"$0\" stream - --fps 25 --window 2 --status-file status.json > pipe",
                CommandRun.executable.path,
            ],
            of: URL(filePath: "/bin/bash"), in: scratch, reading: clip.pipe)
        // Full once a second passes without another segment.
        var before = -1
        let isFull = running.waits { _ in
            usleep(1_200_000)
            let status = (try? scratch.bytes("status.json")).flatMap { try? JSONSerialization.jsonObject(with: $0) }
            let streams = (status as? [String: Any])?["streams"] as? [[String: Any]]
            let now = streams?.first?["segments"] as? Int ?? 0
            defer { before = now }
            return now > 20 && now == before
        }
        #expect(isFull)
        let start = Date()
        running.signal(SIGTERM)
        let run = try running.wait()
        #expect(run.status == 143 && -start.timeIntervalSinceNow < 2.5, "\(run.errors)")
        #expect(run.errors == "gave up waiting for the open segments\n")
    }

    @Test(arguments: [
        ["stream", "a", "b", "-o", "-"], ["stream", "-", "--control", "-"], ["stream", "a", "--max-disk", "1GB"],
        ["stream", "a", "--out-dir", "x", "--max-disk", "lots"], ["stream", "a", "--stall", "0"],
        ["stream", "a", "-o", "file"], ["stream", "ftp://a/b"], ["stream", "a", "--tokens", "5"],
        ["stream", "a", "--window", "0"], ["stream", CommandRun.clip, "--status-file", "/nowhere/status.json"],
        ["stream", "a", "--memory-tokens", "5"],
        ["stream", "a", "--memory", "novelty", "--memory-tokens", "1"],
        ["stream", "a", "--method", "evs", "--codebook-mode", "frozen"],
    ])
    func wrongUsageIsRefusedBeforeAnythingStarts(_ arguments: [String]) throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(arguments, in: scratch)
        #expect([1, 64, 3].contains(run.status) && !run.errors.isEmpty && run.output.isEmpty, "\(run)")
        #expect(scratch.names.isEmpty)
    }
}
