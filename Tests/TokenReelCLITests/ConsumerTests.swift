import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReel

/// What the programs of `Samples/` hand to language models.
///
/// The model is the tiny random LLaVA-OneVision of the vision towers' own tests, which has a language model too.
@Suite struct ConsumerTests {
    private static let checkpoint =
        SharedFiles.package.appending(path: "Tests/VisionEncodingTests/Fixtures/towers/llava-onevision-f16")
    private static let torch = Python.find("TOKENREEL_TORCH_PYTHON", packages: ["torch", "transformers", "PIL"])
    private static let numpy =
        Python.find("TOKENREEL_PYTHON", orElse: "python3", packages: ["numpy", "safetensors"]) ?? torch
    private static let server = ScratchServer.start()

    /// Reduces five frames of the sample clip to a file in `scratch`.
    private func reduce(_ scratch: ScratchFolder, to name: String, _ more: String...) throws {
        let model = ["--model", Self.checkpoint.path, "--frames", "5", "--dtype", "f32", "-q", "-o", name]
        let run = try CommandRun.tokenreel(["reduce", CommandRun.clip] + model + more, in: scratch)
        #expect(run.status == 0, "\(run.errors)")
    }

    /// The checkpoint with a tokenizer, in a folder of the test's own.
    private func readableCheckpoint(_ python: Python, _ scratch: ScratchFolder) throws -> String {
        let copy = scratch.path("checkpoint")
        try FileManager.default.copyItem(atPath: Self.checkpoint.path, toPath: copy)
        #expect(try python.run("scripts/check-consumers.py", "prepare", copy).status == 0)
        return copy
    }

    // MARK: transformers

    private static let needsTorch: Comment =
        "set TOKENREEL_TORCH_PYTHON to a python3 with torch, transformers 5 and pillow"

    /// Every token of every frame, so the model must answer as it does from its own tower's features.
    ///
    /// Pixels come from transformers' image processor for Pillow, exactly as ours, and with torchvision also from the
    /// model's video processor, whose resize rounds otherwise; that is why its bound is wider.
    @Test(.enabled(if: torch != nil, needsTorch))
    func allTokensGiveTheLogitsOfTheVideoItself() throws {
        let python = try #require(Self.torch)
        let scratch = try ScratchFolder()
        try reduce(scratch, to: "all", "--method", "evs", "--keep", "1")
        let run = try python.run(
            "scripts/check-consumers.py", "compare", try readableCheckpoint(python, scratch), scratch.path("all"),
            CommandRun.clip)
        try #require(run.status == 0, "\(run.errors)")
        let figures = try run.json()
        func figure(_ name: String) throws -> Double { try #require(figures[name] as? Double, "\(figures)") }
        // 45 tokens, the newline, and 8 ids of words.
        #expect(figures["ids"] as? Int == 54)
        #expect(try figure("from_pixels_pillow") < 1e-4)
        #expect(try figure("between_paths") < 1e-6)
        #expect(try figure("without_video") > 0.1, "these logits do not depend on the video")
        if let torchvision = figures["from_pixels_torchvision"] as? Double { #expect(torchvision < 5e-3) }
    }

    @Test(.enabled(if: torch != nil, needsTorch))
    func aQuarterOfTheTokensGivesOneAnswerOnBothPaths() throws {
        let python = try #require(Self.torch)
        let scratch = try ScratchFolder()
        try reduce(scratch, to: "quarter", "--keep", "0.25")
        let checkpoint = try readableCheckpoint(python, scratch)
        let compared = try python.run("scripts/check-consumers.py", "compare", checkpoint, scratch.path("quarter"))
        try #require(compared.status == 0, "\(compared.errors)")
        let figures = try compared.json()
        #expect(try #require(figures["between_paths"] as? Double) < 1e-6)
        #expect(try #require(figures["without_video"] as? Double) > 0.1)

        let answers = try ["encoder-outputs", "embeddings"].map { path in
            let run = try python.run(
                "Samples/consume_transformers.py", scratch.path("quarter"), checkpoint, "--prompt", "w4 w5",
                "--max-new-tokens", "6", "--path", path)
            #expect(run.errors.contains("11 tokens and a newline, 19 ids in all, by \(path)"), "\(run.errors)")
            return run.text.split(whereSeparator: \.isWhitespace)
        }
        #expect(!answers[0].isEmpty && answers[0] == answers[1])
    }

    // MARK: vLLM

    private static let needsNumpy: Comment = "needs a python3 with the packages safetensors and numpy"

    /// The request as a server gets it; whether vLLM takes it can't be tried here.
    @Test(.enabled(if: numpy != nil && server != nil, needsNumpy))
    func aServerIsSentTheTokensAndTheNewline() throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try reduce(scratch, to: "few.safetensors", "--tokens", "7")
        let port = try #require(Self.server).port
        let run = try python.run(
            "Samples/consume_vllm.py", scratch.path("few.safetensors"), "--prompt", "What is \"it\"?", "--dtype", "f32",
            "--model", "name", "--server", "http://127.0.0.1:\(port)/")
        try #require(run.status == 0, "\(run.errors)")
        let body = try run.json()
        let messages = try #require(body["messages"] as? [[String: Any]])
        let content = try #require(messages.first?["content"] as? [[String: String]])
        #expect(body["model"] as? String == "name" && messages.count == 1 && content.count == 2)
        #expect(content[1] == ["type": "text", "text": "What is \"it\"?"])
        #expect(content[0]["type"] == "image_embeds")
        let sent = try #require(Data(base64Encoded: content[0]["image_embeds"] ?? ""))
        #expect(try sent == scratch.bytes("few.npy"))

        let sequence = try TokenSequenceFile(path: scratch.path("few.safetensors")).sequence
        let numbers = sequence.tokens.array + (try #require(sequence.newline))
        #expect(sent.starts(with: Data("\u{93}NUMPY".unicodeScalars.map { UInt8($0.value) })))
        #expect(sent.suffix(4 * numbers.count) == numbers.withUnsafeBytes { Data($0) })
        #expect(String(decoding: sent.prefix(128), as: UTF8.self).contains("'shape': (8, 20)"))
    }

    @Test(.enabled(if: numpy != nil, needsNumpy))
    func withoutAServerTheRequestIsShown() throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try reduce(scratch, to: "few.safetensors", "--tokens", "7")
        let run = try python.run("Samples/consume_vllm.py", scratch.path("few.safetensors"), "--prompt", "What?")
        #expect(run.status == 0)
        for words in ["POST /v1/chat/completions", "\"image_embeds\"", "multi_modal_data", "[8, 20]", "few.npy"] {
            #expect(run.text.contains(words), "\(words)")
        }
        // Halves, after a header of 128 bytes.
        #expect(try scratch.bytes("few.npy").count == 128 + 2 * 8 * 20)
    }

    @Test(.enabled(if: numpy != nil, needsNumpy))
    func whatTheModelCannotReadIsRefused() throws {
        let python = try #require(Self.numpy)
        let scratch = try ScratchFolder()
        try reduce(scratch, to: "tower", "--space", "tower")
        try reduce(scratch, to: "brain", "--dtype", "bf16")
        for arguments in [["reduce", "-o", "built-in"], ["encode", "-o", "grid"]] {
            #expect(
                try CommandRun.tokenreel(arguments + [CommandRun.clip, "--frames", "2"], in: scratch).status == 0)
        }
        let cases = [
            ("tower", "--space pooled"), ("built-in", "\"descriptor\""), ("grid", "no reduced tokens"),
            ("brain", "--dtype f16"), ("missing", "No such file"),
        ]
        for (name, words) in cases {
            let run = try python.run("Samples/consume_vllm.py", scratch.path(name), "--prompt", "What?")
            #expect(run.status == 1 && run.output.isEmpty)
            #expect(run.errors.hasPrefix("error: ") && run.errors.contains(words), "\(run.errors)")
        }
    }
}
