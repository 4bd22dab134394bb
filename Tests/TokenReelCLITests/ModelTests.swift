import Foundation
import Safetensors
import TestSupport
import Testing
import TokenCore
import TokenReel

/// `--model` with the tiny checkpoints of the vision towers' own tests.
@Suite struct ModelTests {
    private func folder(_ name: String) -> String { TinyCheckpoints.path(name) }

    private func reduce(_ name: String, _ more: String...) throws -> CommandRun {
        try CommandRun.tokenreel(
            ["reduce", CommandRun.clip, "--model", folder(name), "--frames", "5", "-o", "-", "-q"] + more)
    }

    @Test(arguments: [("clip", 5, 32), ("siglip", 5, 36), ("llava-onevision-f16", 3, 20)])
    func reduceTakesAModelsTokens(_ name: String, _ side: Int, _ channels: Int) throws {
        let scratch = try ScratchFolder()
        let run = try reduce(name, "--keep", "0.2")
        #expect(run.status == 0 && run.errors == "")
        try run.output.write(to: scratch.url.appending(path: "out.safetensors"))
        let sequence = try TokenSequenceFile(path: scratch.path("out.safetensors"))
        #expect(
            sequence.metadata["model"]?.hasPrefix(name.hasPrefix("llava") ? "llava_onevision " : "\(name) ") == true)
        let inspected = try CommandRun.tokenreel("inspect", scratch.path("out.safetensors"), "--json").json()
        let grid = try #require(inspected["grid"] as? [String: Any])
        #expect(grid["rows"] as? Int == side && grid["columns"] as? Int == side && grid["channels"] as? Int == channels)
        #expect(inspected["tokens"] as? Int == 5 * side * side / 5)
    }

    @Test func qwensGroupsFollowTheVideo() throws {
        let scratch = try ScratchFolder()
        let path = scratch.path("out.safetensors")
        func grid(_ name: String, _ more: String...) throws -> [Int] {
            let run = try CommandRun.tokenreel(
                ["reduce", CommandRun.clip, "--model", folder(name), "--keep", "0.2", "-o", path, "-q"] + more)
            #expect(run.status == 0 && run.errors == "")
            let file = try TokenSequenceFile(path: path)
            let shape = file.sequence.shape
            #expect(file.sequence.deepstack.count == (name.hasPrefix("qwen3") ? 3 : 0))
            #expect(file.metadata["grid_thw"] == "\(shape.frames),\(2 * shape.rows),\(2 * shape.columns)")
            return [shape.frames, shape.rows, shape.columns]
        }
        // 640 x 360 within 2,048 pixels a frame, in tokens of 8 pixels; two frames a second, two a group.
        #expect(try grid("qwen2.5-vl-bf16") == [12, 4, 7])
        #expect(try grid("qwen2.5-vl-bf16", "--fps", "1", "--pixel-budget", "1024") == [6, 3, 5])
        #expect(try grid("qwen2.5-vl-bf16", "--frames", "5", "--pixel-budget", "16-600") == [2, 2, 4])
        // The budget is the whole video's: 6,144 pixels for 6 frames.
        #expect(try grid("qwen3-vl-bf16", "--frames", "6") == [3, 3, 5])
        let refused = try CommandRun.tokenreel("reduce", CommandRun.clip, "--pixel-budget", "600", "-o", path)
        #expect(refused.status != 0 && refused.errors.contains("--pixel-budget"))
        let fixed = try CommandRun.tokenreel(
            "reduce", CommandRun.clip, "--model", folder("clip"), "--pixel-budget", "600", "-o", path)
        #expect(fixed.status != 0 && fixed.errors.contains("budget"))
    }

    @Test(arguments: ["qwen2.5-vl-bf16", "qwen3-vl-bf16"]) func aStreamHasQwensRateAndPositions(_ name: String) throws {
        let scratch = try ScratchFolder()
        func files(_ more: String...) throws -> [TokenSequenceFile] {
            let run = try CommandRun.tokenreel(
                [
                    "stream", CommandRun.clip, "--model", folder(name), "--method", "evs", "--keep", "0.5",
                    "--window", "2", "--positions", "vllm", "--out-dir", "tokens\(more.count)",
                ] + more, in: scratch)
            #expect(run.status == 0 && run.errors == "", "\(run.errors)")
            let listing = try SegmentListing(scratch.path("tokens\(more.count)"))
            return try listing.files.map { try TokenSequenceFile(path: "\(listing.path)/\($0)") }
        }
        // Twelve seconds at one frame a second, and at the model's own two; two frames a group.
        for (segments, fps, groups) in [(try files("--fps", "1"), "1.0", 6), (try files(), "2.0", 12)] {
            #expect(segments.reduce(0) { $0 + $1.sequence.shape.frames } == groups)
            for (index, segment) in segments.enumerated() {
                let positions = try #require(segment.sequence.rotaryPositions)
                #expect(positions.rule == .vllm && segment.metadata["fps"] == fps)
                let first = name.hasPrefix("qwen3") ? 0 : Int(Double(4 * 2 * index) / (Double(fps) ?? 0))
                #expect(positions.first == first)
                #expect((positions.groups == nil) == name.hasPrefix("qwen2.5"))
            }
        }
    }

    @Test func llavasNewlineTravelsWithTheTokensAndIsNotCounted() throws {
        let scratch = try ScratchFolder()
        let expected = try SafetensorsFile(path: folder("llava-onevision-f16") + "/expected.safetensors")
            .floats("image_newline").array
        func newline(_ file: String) throws -> [Float]? {
            let sequence = try TokenSequenceFile(path: scratch.path(file))
            #expect(sequence.sequence.count == 7)
            #expect(sequence.metadata["newline"] == (sequence.sequence.newline.map { _ in "after the last token" }))
            return sequence.sequence.newline
        }
        let model = ["--model", folder("llava-onevision-f16"), "--frames", "3"]
        for (space, isThere) in [("pooled", true), ("projected", true), ("tower", false)] {
            let arguments = ["reduce", CommandRun.clip, "--tokens", "7", "--space", space, "-o", space] + model
            #expect(try CommandRun.tokenreel(arguments, in: scratch).status == 0)
            #expect(try newline(space) == (isThere ? expected : nil), "\(space)")
        }
        #expect(try CommandRun.tokenreel(["encode", CommandRun.clip, "-o", "grid"] + model, in: scratch).status == 0)
        #expect(try CommandRun.tokenreel("reduce", "grid", "--tokens", "7", "-o", "later", in: scratch).status == 0)
        #expect(try newline("later") == expected)
    }

    @Test func threadsNeverChangeABit() throws {
        // HoliTom reads the saliency, so both streams of numbers are compared.
        let one = try reduce("llava-onevision-f16", "--method", "holitom", "--threads", "1")
        let three = try reduce("llava-onevision-f16", "--method", "holitom", "--threads", "3")
        #expect(one.status == 0 && one.output == three.output && !one.output.isEmpty)
    }

    @Test func layerSpaceSaliencyAndPrecisionReachTheModel() throws {
        let plain = try reduce("clip").output
        for options in [["--layer", "-2"], ["--space", "projected"], ["--saliency", "class", "--method", "holitom"]] {
            let run = try CommandRun.tokenreel(
                ["reduce", CommandRun.clip, "--model", folder("clip"), "--frames", "5", "-o", "-", "-q"] + options)
            #expect(run.status == 0 && run.output != plain && !run.output.isEmpty, "\(options)")
        }
        #expect(try reduce("clip", "--precision", "bf16").status == 0)
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let cases: [([String], String)] = [
            (["--model", "/nonexistent"], "no such folder"),
            (["--model", folder("siglip"), "--space", "pooled"], "pooled"),
            (["--model", folder("siglip"), "--grid", "4x4"], "--grid"),
            (["--layer", "-2"], "--model"),
            (["--precision", "bf16"], "--model"),
        ]
        for (options, words) in cases {
            let run = try CommandRun.tokenreel(["reduce", CommandRun.clip, "-o", "-"] + options)
            #expect(run.status != 0 && run.output.isEmpty)
            #expect(run.errors.contains(words), "\(run.errors)")
        }
    }

    // MARK: Questions and signals

    private func run(_ arguments: String..., in scratch: ScratchFolder) throws -> CommandRun {
        try CommandRun.tokenreel(arguments, in: scratch)
    }

    @Test func wordsAreAskedOfAnyTokensThroughAQueryModel() throws {
        let scratch = try ScratchFolder()
        let clip = try TinyCheckpoints.clipWithTokenizer(in: scratch)
        let others = [
            [], ["--model", folder("llava-onevision-f16")], ["--model", folder("siglip"), "--space", "projected"],
        ]
        for (index, model) in others.enumerated() {
            let arguments =
                ["reduce", CommandRun.clip, "--frames", "4", "--tokens", "20", "--query-model", clip] + model
            for (name, query) in [("red", ["--query", "red"]), ("dog", ["--query", "dog"]), ("none", [])] {
                let run = try CommandRun.tokenreel(arguments + query + ["-o", "\(name)\(index)"], in: scratch)
                #expect(run.status == 0, "\(run.errors)")
            }
            let red = try TokenSequenceFile(path: scratch.path("red\(index)"))
            let dog = try TokenSequenceFile(path: scratch.path("dog\(index)"))
            #expect(red.sequence.count == 20 && red.sequence.relevance?.count == 20)
            #expect(red.sequence.relevance != dog.sequence.relevance)
            #expect(red.metadata["query_model"]?.hasPrefix("clip ") == true)
            #expect(red.metadata["query"]?.contains("\"red\"") == true)
            #expect(try TokenSequenceFile(path: scratch.path("none\(index)")).sequence.relevance == nil)
        }
    }

    @Test func aGridAnswersAsItsVideoDoes() throws {
        let scratch = try ScratchFolder()
        let clip = try TinyCheckpoints.clipWithTokenizer(in: scratch)
        let model = ["--model", folder("llava-onevision-f16"), "--query-model", clip]
        let question = ["--query", "a red car, no dog", "--tokens", "20", "--query-model", clip]
        let encode = ["encode", CommandRun.clip, "--frames", "4", "-o", "grid"] + model
        #expect(try CommandRun.tokenreel(encode, in: scratch).status == 0)
        let direct = ["reduce", CommandRun.clip, "--frames", "4", "-o", "direct"] + model + question.dropLast(2)
        #expect(try CommandRun.tokenreel(direct, in: scratch).status == 0)
        let later = try CommandRun.tokenreel(["reduce", "grid", "-o", "later"] + question, in: scratch)
        #expect(later.status == 0, "\(later.errors)")
        let (a, b) = try (
            TokenSequenceFile(path: scratch.path("direct")), TokenSequenceFile(path: scratch.path("later"))
        )
        #expect(a.sequence.plan == b.sequence.plan && a.sequence.relevance == b.sequence.relevance)
        #expect(a.metadata["query_model"] == b.metadata["query_model"] && a.metadata["query"] == b.metadata["query"])

        // A CLIP model's own grid: with patch embeddings, or by the tokens themselves.
        for signals in [["--signals", "patch-embeddings"], []] {
            let encode = ["encode", CommandRun.clip, "--frames", "4", "--model", clip, "-o", "own"] + signals
            #expect(try CommandRun.tokenreel(encode, in: scratch).status == 0)
            let run = try run(
                "reduce", "own", "--model", clip, "--query", "red", "--tokens", "9", "-o", "x", in: scratch)
            #expect(run.status == 0, "\(run.errors)")
            let words = try self.run(
                "reduce", "own", "--query-model", clip, "--query", "red", "--tokens", "9", "-o", "y", in: scratch)
            #expect((words.status == 0) == !signals.isEmpty)
            guard signals.isEmpty else { continue }
            #expect(words.errors.contains("no patch embeddings") && words.errors.contains("--query-model"))
        }
    }

    @Test func questionsWithoutATextTowerSayWhereToGetOne() throws {
        for (model, words) in [
            ([], ["--query-model", "--model"]), (["--model", folder("llava-onevision-f16")], ["--query-model"]),
            (["--query-model", folder("llava-onevision-f16")], ["--query-model"]),
            (["--query-model", "/nonexistent"], ["no such folder"]),
        ] {
            let run = try CommandRun.tokenreel(["reduce", CommandRun.clip, "--query", "red", "-o", "-"] + model)
            #expect(run.status != 0 && run.output.isEmpty)
            for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
        }
    }

    @Test func encodeWritesTheSignalsThatAreNamed() throws {
        let scratch = try ScratchFolder()
        func signals(_ arguments: String...) throws -> Set<String> {
            let run = try CommandRun.tokenreel(
                ["encode", CommandRun.clip, "--frames", "3", "-o", "grid"] + arguments, in: scratch)
            #expect(run.status == 0, "\(run.errors)")
            return Set(try SafetensorsFile(path: scratch.path("grid")).tensors.keys)
                .subtracting(["tokens", "frame_times", "newline"])
        }
        #expect(try signals() == ["saliency"])
        #expect(try signals("--signals", "all") == ["saliency", "pixel_change"])
        let clip = folder("clip")
        #expect(try signals("--model", clip) == ["saliency"])
        #expect(
            try signals("--model", clip, "--signals", "frame-features,value-norms")
                == ["saliency", "frame_features", "value_norms"])
        #expect(
            try signals("--model", clip, "--signals", "all")
                == Set(Signal.allCases.filter { $0 != .query }.map(\.tensorName)))
        #expect(try signals("--query-model", clip) == ["saliency", "patch_embeddings"])
        for (arguments, words) in [
            (["--signals", "class-attention"], "pixel-change, saliency"),
            (["--signals", "class-attention", "--model", folder("siglip")], "class-attention"),
            (["--signals", "query"], "--signals"), (["--signals", "saliency,"], "--signals"),
        ] {
            let run = try CommandRun.tokenreel(["encode", CommandRun.clip, "-o", "-"] + arguments)
            #expect(run.status != 0 && run.errors.contains(words), "\(run.errors)")
        }
    }

    @Test func methodsGetTheSignalsThatTheyNeed() throws {
        let scratch = try ScratchFolder()
        let clip = try TinyCheckpoints.clipWithTokenizer(in: scratch)
        let question = ["--query", "red"]
        for (method, more) in [
            ("hiprune", []), ("flowcut", []), ("rlt", []), ("fastvid", []), ("cdpruner", question),
            ("mustdrop", question),
        ] {
            let run = try CommandRun.tokenreel(
                ["reduce", CommandRun.clip, "--model", clip, "--frames", "6", "--tokens", "40", "--method", method]
                    + more + ["--json", "-o", method], in: scratch)
            #expect(run.status == 0, "\(method): \(run.errors)")
            let notices = try #require(try run.json()["notices"] as? [String])
            #expect(!notices.contains { $0.contains("stands in") }, "\(method): \(notices)")
            #expect(try TokenSequenceFile(path: scratch.path(method)).sequence.count == 40)
        }
        let compared = try run(
            "compare", CommandRun.clip, "--model", clip, "--frames", "6", "--query", "red", "--keep", "0.2", "--json",
            "--methods", "hiprune,flowcut,rlt,cdpruner,mustdrop", in: scratch
        ).json()
        #expect((compared["results"] as? [Any])?.count == 5 && (compared["omitted"] as? [Any])?.isEmpty == true)
        // The built-in encoder sees pixels change too, and SigLIP has no class token.
        #expect(try run("reduce", CommandRun.clip, "--method", "rlt", "-o", "x", in: scratch).status == 0)
        let siglip = try run(
            "reduce", CommandRun.clip, "--method", "flowcut", "--model", folder("siglip"), "-o", "x", in: scratch)
        #expect(siglip.status != 0 && siglip.errors.contains("no class attention"))
        #expect(siglip.errors.contains("--allow-substitute"))
    }
}
