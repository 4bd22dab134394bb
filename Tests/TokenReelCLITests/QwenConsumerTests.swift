import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReel

/// What the programs of `Samples/` hand to Qwen2.5-VL and Qwen3-VL.
@Suite struct QwenConsumerTests {
    static let families = ["qwen2.5-vl", "qwen3-vl"]
    private static let torch = Python.find(
        "TOKENREEL_TORCH_PYTHON", packages: ["torch", "torchvision", "transformers", "PIL"])
    private static let numpy =
        Python.find("TOKENREEL_PYTHON", orElse: "python3", packages: ["numpy", "safetensors"]) ?? torch
    private static let server = ScratchServer.start()

    /// A grid of 4 groups of 4 x 6 tokens of 8 numbers, with Qwen3-VL's three streams more.
    private func writeGrid(_ family: String, to scratch: ScratchFolder, fps: Double = 2) throws {
        let shape = try GridShape(frames: 4, rows: 4, columns: 6, channels: 8)
        func stream(_ index: Int) -> TensorBuffer<Float> {
            TensorBuffer((0..<shape.elementCount).map { Float(($0 * (7 + index)) % 101) / 8 - 6 })
        }
        try TokenGrid(
            shape: shape, values: stream(0), frameTimes: [0.25, 1.25, 2.25, 3.25],
            deepstack: family == "qwen3-vl" ? [stream(1), stream(2), stream(3)] : []
        ).write(
            to: scratch.path("grid.safetensors"),
            metadata: [
                "family": family, "fps": "\(fps)", "tokens_per_second": "2", "temporal_patch_size": "2",
                "spatial_merge_size": "2", "space": "projected",
            ])
    }

    private func reduce(_ scratch: ScratchFolder, _ more: String...) throws {
        let run = try CommandRun.tokenreel(
            ["reduce", "grid.safetensors", "--dtype", "f32", "-q", "--overwrite"] + more, in: scratch)
        #expect(run.status == 0, "\(run.errors)")
    }

    // MARK: vLLM

    private static let needsNumpy: Comment = "needs a python3 with the packages safetensors and numpy"

    /// The rules of vLLM 0.33: as many embeddings as the grid's product has tokens, Qwen3-VL's streams one behind the
    /// other in the last dimension, a time for each group; numbers that are no embeddings as plain arrays.
    @Test(.enabled(if: numpy != nil && server != nil, needsNumpy), arguments: families)
    func aServerIsSentAGrid(family: String) throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try writeGrid(family, to: scratch)
        try reduce(scratch, "--method", "tokenflex", "--per-frame", "7", "--grid-preserving", "-o", "few.safetensors")
        let port = try #require(Self.server).port
        let run = try python.run(
            "Samples/consume_vllm.py", scratch.path("few.safetensors"), "--prompt", "What?", "--dtype", "f32",
            "--server", "http://127.0.0.1:\(port)/")
        try #require(run.status == 0, "\(run.errors)")
        let messages = try #require(try run.json()["messages"] as? [[String: Any]])
        let content = try #require(messages.first?["content"] as? [[String: Any]])
        #expect(content[0]["type"] as? String == "video_embeds")
        let fields = try #require(content[0]["video_embeds"] as? [String: Any])
        let grid = try #require(fields["video_grid_thw"] as? [Int])
        #expect(grid == [4, 4, 6])

        let sequence = try TokenSequenceFile(path: scratch.path("few.safetensors")).sequence
        #expect(sequence.count == grid.reduce(1, *) / 4)
        let streams = [sequence.tokens.array] + sequence.deepstack.map(\.array)
        let expected = (0..<sequence.count).flatMap { row in streams.flatMap { $0[8 * row..<8 * row + 8] } }
        let sent = try #require(Data(base64Encoded: fields["video_embeds"] as? String ?? ""))
        #expect(sent.dropFirst(128) == expected.withUnsafeBytes { Data($0) })
        let shape = "'shape': (24, \(family == "qwen3-vl" ? 32 : 8))"
        #expect(String(decoding: sent.prefix(128), as: UTF8.self).contains(shape))
        #expect(fields["timestamps"] as? [Double] == (family == "qwen3-vl" ? [0.25, 1.25, 2.25, 3.25] : nil))
    }

    @Test(.enabled(if: numpy != nil, needsNumpy))
    func whatIsNoGridIsRefused() throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try writeGrid("qwen2.5-vl", to: scratch)
        try reduce(scratch, "--tokens", "17", "-o", "few")
        try reduce(scratch, "--tokens", "17", "--order", "prefix", "-o", "ranked")
        for (name, words) in [("few", "--grid-preserving"), ("ranked", "--order reading")] {
            let run = try python.run("Samples/consume_vllm.py", scratch.path(name), "--prompt", "What?")
            #expect(run.status == 1 && run.errors.hasPrefix("error: ") && run.errors.contains(words), "\(run.errors)")
        }
    }

    // MARK: llama.cpp

    @Test(.enabled(if: numpy != nil, needsNumpy), arguments: families)
    func batchesHaveARowAndFourPositionsForEachToken(family: String) throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try writeGrid(family, to: scratch)
        try reduce(scratch, "--tokens", "17", "--positions", "vllm", "-o", "few.safetensors")
        let run = try python.run("Samples/consume_llamacpp.py", scratch.path("few.safetensors"))
        try #require(run.status == 0, "\(run.errors)")
        let sequence = try TokenSequenceFile(path: scratch.path("few.safetensors")).sequence
        let streams = family == "qwen3-vl" ? 4 : 1
        #expect(try run.json()["n_embd_inp"] as? Int == 8 * streams)
        #expect(try scratch.bytes("few.embd").count == 4 * 17 * 8 * streams)
        let first = sequence.tokens.array[..<8].withUnsafeBytes { Data($0) }
        #expect(try scratch.bytes("few.embd").prefix(32) == first)

        let positions = try #require(sequence.rotaryPositions)
        let order = try #require(try run.json()["order"] as? [[String: Any]])
        let batches = order.compactMap { $0["rows"] as? [Int] }
        #expect(batches.map { $0[1] - $0[0] } == positions.groups?.map(\.tokens) ?? [17])
        #expect(order.allSatisfy { $0["rows"] == nil || $0["advance"] as? Int == positions.next })
        // Time, row, column and zero of one batch before those of the next.
        let expected = batches.flatMap { rows in
            (0..<3).flatMap { axis in (rows[0]..<rows[1]).map { Int32(positions.ids[17 * axis + $0]) } }
                + Array(repeating: 0, count: rows[1] - rows[0])
        }
        #expect(try scratch.bytes("few.pos") == expected.withUnsafeBytes { Data($0) })
    }

    /// The positions of a stream's segment go on from the one before; alone they count from its own start.
    @Test(.enabled(if: numpy != nil, needsNumpy), arguments: families)
    func aSegmentIsTakenForAVideoOfItsOwn(family: String) throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        let run = try CommandRun.tokenreel(
            [
                "stream", CommandRun.clip, "--model", TinyCheckpoints.path("\(family)-bf16"), "--window", "5",
                "--method", "evs", "--keep", "0.5", "--positions", "vllm", "--out-dir", "tokens",
            ], in: scratch)
        try #require(run.status == 0, "\(run.errors)")
        let name = "tokens/segment-00000001"
        let file = try TokenSequenceFile(path: scratch.path(name + ".safetensors"))
        let positions = try #require(file.sequence.rotaryPositions)
        #expect(positions.first == (family == "qwen3-vl" ? 0 : 10))
        let consumed = try python.run("Samples/consume_llamacpp.py", scratch.path(name + ".safetensors"))
        try #require(consumed.status == 0, "\(consumed.errors)")
        let order = try #require(try consumed.json()["order"] as? [[String: Any]])
        let advances = order.compactMap { $0["advance"] as? Int }
        // Five groups of two positions a second: times 0 to 8, and the text at 9; or the frame's longer side.
        let shape = file.sequence.shape
        let expected = family == "qwen3-vl" ? max(shape.rows, shape.columns) : 9
        #expect(!advances.isEmpty && advances.allSatisfy { $0 == expected })
        let rows = try #require(order.compactMap { $0["rows"] as? [Int] }.first)[1]
        let times = try scratch.bytes(name + ".pos").prefix(4 * rows).withUnsafeBytes {
            Array($0.bindMemory(to: Int32.self))
        }
        #expect(times == positions.ids.prefix(rows).map { Int32($0) - Int32(positions.first) })
    }

    /// Behind a long video the text of transformers 5 lies within the video's time, which llama.cpp refuses.
    @Test(.enabled(if: numpy != nil, needsNumpy))
    func positionsThatDoNotAscendAreRefused() throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try writeGrid("qwen2.5-vl", to: scratch, fps: 0.5)
        for (rule, status) in [("transformers-5", 1), ("vllm", 0)] {
            try reduce(scratch, "--tokens", "17", "--positions", rule, "-o", "few")
            let run = try python.run("Samples/consume_llamacpp.py", scratch.path("few"))
            #expect(run.status == Int32(status))
            #expect(run.errors.contains("--positions vllm") == (status == 1), "\(run.errors)")
        }
    }

    // MARK: transformers and SGLang

    private static let needsTorch: Comment =
        "set TOKENREEL_TORCH_PYTHON to a python3 with torch, torchvision, transformers 5 and pillow"

    private func figures(_ python: Python, _ arguments: String...) throws -> [String: Any] {
        let run = try python.run("scripts/check-qwen-consumers.py", arguments)
        try #require(run.status == 0, "\(run.errors)")
        return try run.json()
    }

    /// A tiny random model, its tower's grid of a video of noise, and what the file says of that.
    @Test(.enabled(if: torch != nil, needsTorch), arguments: families + ["qwen3-vl-moe"])
    func tokensGiveTheLogitsOfTheVideoItself(family: String) throws {
        let python = try #require(Self.torch)
        let scratch = try ScratchFolder()
        #expect(try python.run("scripts/check-qwen-consumers.py", "make", family, scratch.url.path).status == 0)
        try reduce(scratch, "--method", "evs", "--keep", "1", "-o", "all")
        try reduce(scratch, "--method", "evs", "--keep", "0.3", "--positions", "vllm", "-o", "few")
        for name in ["all", "few"] {
            let found = try figures(python, "compare", scratch.url.path, scratch.path(name))
            func figure(_ key: String) throws -> Double { try #require(found[key] as? Double, "\(key) of \(found)") }
            #expect(try figure("between_paths") < 1e-6)
            // Nothing of what the model is told is idle.
            #expect(try figure("without_video") > 0.1)
            #expect(try figure("with_text_positions") > 0.1)
            if family.hasPrefix("qwen3-vl") { #expect(try figure("without_deepstack") > 0.1) }
            if name == "all" {
                #expect(try figure("wrong_positions") == 0)
                #expect(try figure("from_pixels") < 1e-6)
            }
        }
        for name in ["all", "few"] {
            // They write beside their file.
            let arguments = [scratch.path(name), "--prompt", prompt(family)]
            #expect(try python.run("Samples/consume_llamacpp.py", arguments).status == 0)
            let rules = try figures(python, "rules", scratch.url.path, scratch.path(name))
            let kept = rules.values.compactMap { $0 as? [String: Bool] }
            #expect(kept.count == 2 && kept.allSatisfy { $0.values.allSatisfy { $0 } }, "\(rules)")
        }
    }

    private func prompt(_ family: String) -> String {
        let marks = family.hasPrefix("qwen3-vl") ? ["", ""] : ["<|vision_start|> ", " <|vision_end|>"]
        return "w4 w5 \(marks[0])<|video_pad|>\(marks[1]) w6 w7"
    }

    /// From the clip's pixels to logits, by our tower and by the model's; frames are resized by torchvision there, whose
    /// rounding differs from ours by up to one level of 255.
    @Test(.enabled(if: torch != nil, needsTorch), arguments: families + ["qwen3-vl-moe"])
    func aClipGivesTheLogitsOfTheModelsOwnTower(family: String) throws {
        let python = try #require(Self.torch)
        let scratch = try ScratchFolder()
        #expect(try python.run("scripts/check-qwen-consumers.py", "make", family, scratch.url.path).status == 0)
        let run = try CommandRun.tokenreel(
            [
                "reduce", CommandRun.clip, "--model", scratch.path("checkpoint"), "--frames", "6", "--method", "evs",
                "--keep", "1", "--dtype", "f32", "-q", "-o", "all",
            ], in: scratch)
        try #require(run.status == 0, "\(run.errors)")
        let found = try figures(python, "compare", scratch.url.path, scratch.path("all"), CommandRun.clip)
        #expect(found["wrong_positions"] as? Int == 0)
        #expect(try #require(found["from_pixels"] as? Double) < 2e-2)
        #expect(try #require(found["without_video"] as? Double) > 0.1)

        let answers = try ["encoder-outputs", "embeddings"].map { path in
            let run = try python.run(
                "Samples/consume_transformers.py", scratch.path("all"), scratch.path("checkpoint"), "--prompt",
                prompt(family), "--max-new-tokens", "6", "--path", path)
            #expect(run.status == 0 && run.errors.contains("by \(path)"), "\(run.errors)")
            return run.text
        }
        #expect(!answers[0].isEmpty && answers[0] == answers[1])
        let shown = try python.run(
            "Samples/consume_sglang.py", scratch.path("all"), scratch.path("checkpoint"), "--prompt", prompt(family),
            "--show")
        #expect(shown.status == 0 && shown.text.contains("precomputed_embedding"), "\(shown.errors)")
    }
}
