import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReel

@Suite struct ReduceCommandTests {
    @Test func summaryGoesToStandardOutputAndNothingElsewhere() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel("reduce", CommandRun.clip, "--keep", "0.1", in: scratch)
        #expect(run.status == 0)
        #expect(run.errors == "")
        for words in ["clip.mp4 -> clip.safetensors", "2,352 -> 235 (10.0 %)", "segments", "coverage", "seconds"] {
            #expect(run.text.contains(words), "\(words) in \(run.text)")
        }
        #expect(scratch.names == ["clip.safetensors"])
        let file = try TokenSequenceFile(path: scratch.path("clip.safetensors"))
        #expect(file.sequence.count == 235)
    }

    @Test func quietSaysNothing() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel("reduce", CommandRun.clip, "-q", in: scratch)
        #expect(run.status == 0 && run.text == "" && run.errors == "")
    }

    @Test func jsonHasEveryMemberWithItsType() throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel("reduce", CommandRun.clip, "--json", "--tokens", "99", in: scratch)
        #expect(run.status == 0 && run.errors == "")
        let object = try run.json()
        #expect(object["schema"] as? Int == 1)
        #expect(object["tokenreel"] as? String == ProductVersion.current)
        #expect(object["input"] as? String == CommandRun.clip)
        #expect(object["output"] as? String == "clip.safetensors")
        #expect(object["status"] as? String == "done")
        let video = try #require(object["video"] as? [String: Any])
        #expect(video["codec"] as? String == "h264")
        #expect(video["width"] as? Int == 640 && video["height"] as? Int == 360)
        #expect(video["duration"] as? Double == 12)
        #expect(object["grid"] as? [String: Int] == ["frames": 12, "rows": 14, "columns": 14, "channels": 80])
        let tokens = try #require(object["tokens"] as? [String: Any])
        #expect(tokens["in"] as? Int == 2352 && tokens["out"] as? Int == 99)
        #expect(abs((tokens["ratio"] as? Double ?? 0) - 99.0 / 2352) < 1e-12)
        #expect((object["segments"] as? Int ?? 0) >= 1)
        #expect((object["codebook"] as? Int ?? 0) >= 1)
        let quality = try #require(object["quality"] as? [String: Any])
        for name in ["coverage", "coverage_p05", "fidelity", "density"] {
            #expect((quality[name] as? Double).map { 0...1.000001 ~= $0 } == true, "\(name)")
        }
        #expect(quality["measured_tokens"] as? Int == 2352)
        let seconds = try #require(object["seconds"] as? [String: Any])
        #expect((seconds["total"] as? Double ?? 0) > 0)
        let stages = try #require(seconds["stages"] as? [String: Double])
        #expect(Set(["decode", "encode", "segment", "merge", "hash", "measure", "write"]).isSubset(of: stages.keys))
        let decoding = try #require(object["decoding"] as? [String: Any])
        #expect(decoding["frames_returned"] as? Int == 12 && decoding["decode_errors"] as? Int == 0)
        #expect(object["notices"] is [String])
        #expect((object["peak_memory_bytes"] as? Int ?? 0) > 1 << 20)
    }

    @Test func pipesGiveTheBytesOfTheFile() throws {
        let scratch = try ScratchFolder()
        let clip = try Data(contentsOf: URL(filePath: CommandRun.clip))
        let file = try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "a", in: scratch)
        let piped = try CommandRun.tokenreel("reduce", "-", "-o", "-", input: clip, in: scratch)
        #expect(file.status == 0 && piped.status == 0)
        #expect(piped.output == (try scratch.bytes("a")))
        #expect(piped.errors.contains("2,352 -> 235"))
        // A name is written where one was given, and nothing else differs.
        let named = try CommandRun.tokenreel(
            "reduce", "-", "--source-name", "clip.mp4", "-o", "b", input: clip, in: scratch)
        #expect(named.status == 0)
        let (a, b) = try (TokenSequenceFile(path: scratch.path("a")), TokenSequenceFile(path: scratch.path("b")))
        #expect(a.metadata["source"] == nil && b.metadata["source"] == "clip.mp4")
        #expect(a.metadata == b.metadata.filter { $0.key != "source" })
        #expect(a.sequence.tokens.array == b.sequence.tokens.array)
    }

    @Test func threadsDoNotChangeAByte() throws {
        let scratch = try ScratchFolder()
        for threads in ["1", "2", "7"] {
            let run = try CommandRun.tokenreel(
                "reduce", CommandRun.clip, "--fps", "5", "--threads", threads, "-o", threads, in: scratch)
            #expect(run.status == 0)
        }
        #expect(try scratch.bytes("1") == scratch.bytes("2"))
        #expect(try scratch.bytes("1") == scratch.bytes("7"))
    }

    @Test(arguments: [
        (["--fps", "4"], 48), (["--frames", "7"], 7), (["--frames", "all"], 300), (["--start", "6"], 6),
        (["--start", "00:00:03", "--end", "5s"], 2), (["--start", "0:09.5", "--fps", "2"], 5),
    ])
    func samplingChoosesFrames(arguments: [String], frames: Int) throws {
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            ["reduce", CommandRun.clip, "--json", "--method", "evs"] + arguments, in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        #expect((try run.json()["grid"] as? [String: Any])?["frames"] as? Int == frames)
    }

    @Test func gridsCanBeStoredReducedAndLookedInto() throws {
        let scratch = try ScratchFolder()
        let encode = try CommandRun.tokenreel(
            "encode", CommandRun.clip, "--grid", "6x8", "-o", "grid.safetensors", "--json", in: scratch)
        #expect(encode.status == 0, "\(encode.errors)")
        #expect(
            try encode.json()["grid"] as? [String: Int] == ["frames": 12, "rows": 6, "columns": 8, "channels": 80])
        let reduce = try CommandRun.tokenreel(
            "reduce", "grid.safetensors", "--method", "holitom", "--keep", "0.15", "--as-published", "--json",
            in: scratch)
        #expect(reduce.status == 0, "\(reduce.errors)")
        // The grid itself is an input, so its result has another name.
        #expect(scratch.names == ["grid.reduced.safetensors", "grid.safetensors"])
        let grid = try CommandRun.tokenreel("inspect", "grid.safetensors", "--json", in: scratch)
        #expect(try grid.json()["kind"] as? String == "grid")
        #expect(try grid.json()["saliency"] as? Bool == true)
        let tokens = try CommandRun.tokenreel("inspect", "grid.reduced.safetensors", "--json", in: scratch)
        #expect(try tokens.json()["kind"] as? String == "tokens")
        let metadata = try #require(try tokens.json()["metadata"] as? [String: String])
        #expect(metadata["recipe"]?.contains("\"as_published\":true") == true)
        #expect(metadata["model"] == "descriptor")
    }

    @Test func gridsComeThroughPipesToo() throws {
        let scratch = try ScratchFolder()
        let grid = try CommandRun.tokenreel("encode", CommandRun.clip, "-o", "-", in: scratch)
        #expect(grid.status == 0)
        let reduced = try CommandRun.tokenreel("reduce", "-", "-o", "a", "--json", input: grid.output, in: scratch)
        #expect(reduced.status == 0, "\(reduced.errors)")
        #expect((try reduced.json()["tokens"] as? [String: Any])?["out"] as? Int == 235)
    }

    @Test func queriesChangeWhatIsKept() throws {
        let scratch = try ScratchFolder()
        let arguments = ["reduce", CommandRun.clip, "--keep", "0.02", "-o"]
        #expect(try CommandRun.tokenreel(arguments + ["plain"], in: scratch).status == 0)
        let image = try CommandRun.tokenreel(arguments + ["image", "--query-image", CommandRun.ball], in: scratch)
        #expect(image.status == 0, "\(image.errors)")
        let (plain, ball) = try (
            TokenSequenceFile(path: scratch.path("plain")), TokenSequenceFile(path: scratch.path("image"))
        )
        #expect(plain.sequence.relevance == nil)
        #expect(ball.sequence.relevance?.count == ball.sequence.count)
        #expect(ball.sequence.plan != plain.sequence.plan)
        #expect(ball.metadata["query"]?.contains("\"image\":\"ball.png\"") == true)
        // A video with the wrong kind of embedding.
        #expect(try CommandRun.tokenreel("encode", CommandRun.clip, "-o", "g.safetensors", in: scratch).status == 0)
        let wrong = try CommandRun.tokenreel(arguments + ["x", "--query-embedding", "g.safetensors"], in: scratch)
        #expect(wrong.status != 0 && wrong.errors.hasPrefix("error: "))
        #expect(!scratch.names.contains("x"))
    }

    @Test func dryRunWritesNothing() throws {
        let scratch = try ScratchFolder()
        let text = try CommandRun.tokenreel("reduce", CommandRun.clip, "--dry-run", "--out-dir", "new", in: scratch)
        #expect(text.status == 0)
        #expect(text.text.contains("new/clip.safetensors") && text.text.contains("2,352 -> 235"))
        let run = try CommandRun.tokenreel("reduce", CommandRun.clip, "--dry-run", "--json", in: scratch)
        let object = try run.json()
        #expect(object["status"] as? String == "planned")
        #expect(object["tokens"] as? [String: Int] == ["in": 2352, "out": 235])
        #expect(object["grid_bytes"] as? Int == 2352 * 320)
        #expect(scratch.names == [])
    }

    static let endings: [Ending] =
        ([
            (["reduce"], 64), (["reduce", "a", "--keep", "0"], 64), (["reduce", "a", "--keep", "1.5"], 64),
            (["reduce", "a", "--keep", "0.1", "--tokens", "4"], 64), (["reduce", "a", "--tokens", "0"], 64),
            (["reduce", "a", "--method", "nonsense"], 64), (["reduce", "a", "--set", "tau=2"], 64),
            (["reduce", "a", "--set", "nonsense=2"], 64), (["reduce", "a", "--fps", "1", "--keyframes"], 64),
            (["reduce", "a", "--start", "1:75"], 64), (["reduce", "a", "--start", "-3"], 64),
            (["reduce", "a", "b", "-o", "c"], 64), (["reduce", "a", "-o", "-", "--json"], 64),
            (["reduce", "a", "--grid", "0x4"], 64), (["reduce", "a", "--jobs", "0"], 64), (["reduce", "-", "-"], 64),
            (["reduce", "a", "-q", "-v"], 64), (["nonsense"], 64), (["reduce", "missing.mp4"], 3),
            (["reduce", "text.mp4"], 3), (["reduce", "empty.mp4"], 3), (["reduce", "folder"], 3),
            (["reduce", "bad.safetensors"], 3), (["inspect", "text.mp4"], 3), (["inspect", "missing"], 3),
            (["methods", "nonsense"], 64), (["reduce", CommandRun.clip, "--max-frames", "5"], 4),
            (["reduce", CommandRun.clip, "--max-pixels", "100000"], 4),
            (["reduce", CommandRun.clip, "--max-grid-bytes", "1000"], 4),
            (["reduce", CommandRun.clip, "--max-bytes", "1000"], 4), (["reduce", CommandRun.clip, "--start", "90"], 3),
            (["reduce", CommandRun.clip, "-o", "text.mp4"], 64), (["reduce", CommandRun.clip, "-o", "folder"], 64),
            (["reduce", CommandRun.clip, "-o", "missing/a"], 1), (["reduce", CommandRun.clip, "-o", "/dev/full"], 1),
            (["reduce", CommandRun.clip, "-o", CommandRun.clip, "--overwrite"], 64), (["--help"], 0),
            (["--version"], 0),
        ] as [([String], Int32)]).map { Ending(arguments: $0, status: $1) }

    struct Ending: CustomStringConvertible, Sendable {
        let arguments: [String]
        let status: Int32
        var description: String { arguments.joined(separator: " ") }
    }

    @Test(arguments: endings)
    func exitCodesTellWhatHappened(ending: Ending) throws {
        let (arguments, status) = (ending.arguments, ending.status)
        let scratch = try ScratchFolder()
        try scratch.write("this is text", to: "text.mp4")
        try scratch.write("", to: "empty.mp4")
        try scratch.write("this is text", to: "bad.safetensors")
        try FileManager.default.createDirectory(atPath: scratch.path("folder"), withIntermediateDirectories: true)
        let before = scratch.names
        let run = try CommandRun.tokenreel(arguments, in: scratch)
        #expect(run.status == status, "\(run.errors)")
        #expect(scratch.names == before)
        if status == 0 {
            #expect(run.errors == "" && run.text != "")
        } else {
            #expect(run.errors != "" && run.text == "")
        }
        #expect(try scratch.bytes("text.mp4") == Data("this is text".utf8))
    }

    @Test func existingFilesAreSafeUnlessTheyAreTokens() throws {
        let scratch = try ScratchFolder()
        try scratch.write("precious", to: "notes")
        #expect(try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "notes", in: scratch).status == 64)
        #expect(try scratch.bytes("notes") == Data("precious".utf8))
        let forced = try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "notes", "--overwrite", in: scratch)
        #expect(forced.status == 0)
        let again = try CommandRun.tokenreel("reduce", CommandRun.clip, "-o", "notes", "--tokens", "5", in: scratch)
        #expect(again.status == 0)
        #expect(try TokenSequenceFile(path: scratch.path("notes")).sequence.count == 5)
    }

    @Test func strangeNamesCanNotWriteToTheTerminal() throws {
        let scratch = try ScratchFolder()
        try scratch.addClip("a\u{1b}[2Jb\n.mp4")
        let good = try CommandRun.tokenreel("reduce", "a\u{1b}[2Jb\n.mp4", "-o", "x", in: scratch)
        #expect(good.status == 0)
        let bad = try CommandRun.tokenreel("reduce", "none\u{1b}[2J\u{202e}", in: scratch)
        let inspect = try CommandRun.tokenreel("inspect", "x", in: scratch)
        var grid = SafetensorsWriter(metadata: ["a\u{1b}[2J": "b\u{1b}[2J"])
        grid.add("tokens", shape: [1, 1, 1, 1], [1] as [Float])
        try grid.write(to: scratch.path("grid"))
        let keys = try CommandRun.tokenreel("inspect", "grid", in: scratch)
        #expect(keys.status == 0 && keys.text.contains("\\u{1b}"))
        for text in [good.text, bad.errors, inspect.text, keys.text] {
            #expect(!text.unicodeScalars.contains { ($0.value < 32 && $0 != "\n") || $0 == "\u{202e}" })
        }
        #expect(bad.errors.contains("\\u{1b}"))
    }

    @Test func namedPipesAreReadLikeStandardInput() throws {
        let scratch = try ScratchFolder()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/bash")
        let command = "'\(CommandRun.executable.path)' reduce -q"
        shell.arguments = ["-c", "\(command) <(cat '\(CommandRun.clip)') -o a && \(command) '\(CommandRun.clip)' -o b"]
        shell.currentDirectoryURL = scratch.url
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
        #expect(try scratch.bytes("a") == scratch.bytes("b"))
    }

    @Test func addressesNeverShowTheirPassword() throws {
        let scratch = try ScratchFolder()
        let address = "http://user:secret@127.0.0.1:1/folder/clip.mp4?key=1"
        for extra in [[], ["--dry-run"], ["--json"]] {
            let run = try CommandRun.tokenreel(["reduce", address] + extra, in: scratch)
            // Nobody listens there: a failure of the network, not of the input.
            #expect(run.status == 1)
            #expect(run.errors.contains("127.0.0.1:1/folder/clip.mp4"))
            #expect(!run.errors.contains("secret") && !run.text.contains("secret"))
        }
    }

    private static let server = ScratchServer.start()

    @Test(.enabled(if: server != nil, "needs python3 for a web server"))
    func addressesAreRead() throws {
        let scratch = try ScratchFolder()
        let server = try #require(Self.server)
        let run = try CommandRun.tokenreel(
            "reduce", "http://user:secret@127.0.0.1:\(server.port)/clip.mp4?key=1", "--json", in: scratch)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try run.json()["output"] as? String == "clip.safetensors")
        let file = try TokenSequenceFile(path: scratch.path("clip.safetensors"))
        #expect(file.metadata["source"] == "http://127.0.0.1:\(server.port)/clip.mp4?key=1")
        #expect(file.metadata["sha256"] == nil)
        #expect(!String(decoding: try scratch.bytes("clip.safetensors"), as: UTF8.self).contains("secret"))
    }

    @Test func aFailureIsAnObjectToo() throws {
        let scratch = try ScratchFolder()
        try scratch.write("this is text", to: "text.mp4")
        let run = try CommandRun.tokenreel("reduce", "text.mp4", "--json", in: scratch)
        #expect(run.status == 3 && run.errors.hasPrefix("error: text.mp4: "))
        let object = try run.json()
        #expect(object["schema"] as? Int == 1 && object["status"] as? String == "failed")
        let error = try #require(object["error"] as? [String: Any])
        #expect(Set(error.keys) == ["code", "subject", "found", "allowed", "remedy"])
        #expect(error["subject"] as? String == "text.mp4")
    }

    private static let ffmpeg = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg", "/opt/homebrew/bin/ffmpeg"]
        .first(where: FileManager.default.isExecutableFile)

    /// A large picture costs what a few pictures cost, and a longer clip only its grid.
    @Test(.enabled(if: ffmpeg != nil, "needs the ffmpeg command to make a clip"))
    func memoryGrowsWithTheGridOnly() throws {
        let scratch = try ScratchFolder()
        let ffmpeg = Process()
        ffmpeg.executableURL = URL(filePath: try #require(Self.ffmpeg))
        ffmpeg.arguments = [
            "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=2:duration=90", "-c:v", "libx264",
            "-preset", "ultrafast", "-g", "20", scratch.path("clip.mp4"),
        ]
        try ffmpeg.run()
        ffmpeg.waitUntilExit()
        func peak(_ sampling: String...) throws -> (memory: Int, tokens: Int) {
            let object = try CommandRun.tokenreel(
                ["reduce", "clip.mp4", "-o", "out", "--json"] + sampling, in: scratch
            ).json()
            let tokens = try #require((object["tokens"] as? [String: Any])?["in"] as? Int)
            return (try #require(object["peak_memory_bytes"] as? Int), tokens)
        }
        let short = try peak("--fps", "2", "--end", "10")
        let long = try peak("--fps", "2")
        #expect(short.tokens == 20 * 196 && long.tokens == 180 * 196)
        let gridGrowth = (long.tokens - short.tokens) * 80 * 4
        #expect(long.memory < 250_000_000)
        #expect(long.memory - short.memory < 2 * gridGrowth + 20_000_000)
    }
}
