import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding

/// Options as programs in other languages give them.
@Suite struct OpenModelTests {
    private func pipeline(_ model: String, _ call: String = "{}") throws -> Pipeline {
        try OpenModel(PipelineOptions(json: model)).pipeline(PipelineOptions(json: call))
    }

    @Test func optionsAreThoseOfTheCommand() throws {
        let pipeline = try pipeline(
            """
            {"method": "evs", "per_frame": 5, "fps": 2.5, "start": 1, "end": 9.5, "stream": 1, "threads": 3, "grid": [4, 6],
             "as_published": true, "allow_substitute": true, "order": "prefix", "positions": "vllm", "grid_preserving": true, "max_pixels": 1000, "max_frames": 10,
             "max_bytes": 5000000000, "max_grid_bytes": 70, "max_seconds": 1.5, "window": 9, "max_latency": 2.5,
             "measure": false, "source_name": "a clip"}
            """)
        #expect(pipeline.method == "evs" && pipeline.request.budget == .perFrame(5))
        #expect(pipeline.decodeOptions.sampling == .rate(2.5))
        #expect(pipeline.decodeOptions.start == 1 && pipeline.decodeOptions.end == 9.5)
        #expect(pipeline.decodeOptions.stream == 1)
        #expect(pipeline.decodeOptions.threads == 3 && pipeline.request.workers == 3)
        #expect(pipeline.encoder.rows == 4 && pipeline.encoder.columns == 6)
        #expect(pipeline.request.asPublished && pipeline.request.allowSubstitute)
        #expect(pipeline.request.order == .prefix && pipeline.request.isGridPreserving)
        #expect(pipeline.positionRule == .vllm)
        #expect(pipeline.window == StreamWindow(frames: 9, seconds: 2.5))
        #expect(!pipeline.measuresQuality)
        let limits = pipeline.decodeOptions.limits
        #expect(limits.pixelsPerFrame == 1000 && limits.sampledFrames == 10 && limits.inputBytes == 5_000_000_000)
        #expect(limits.gridBytes == 70 && limits.seconds == 1.5)
        #expect(try OpenModel(PipelineOptions(json: "{\"source_name\": \"a\"}")).sourceName(PipelineOptions()) == "a")
    }

    @Test(
        arguments: [
            ("{\"fps\": 2}", "{\"frames\": 7}", FrameSampling.count(7)),
            ("{\"fps\": 2}", "{\"frames\": \"all\"}", .all),
            ("{\"frames\": 7}", "{\"keyframes\": true}", .keyframes),
            ("{\"frames\": 7}", "{\"frames\": null}", .rate(1)),
            ("{\"keyframes\": true}", "{\"fps\": 3}", .rate(3)), ("{}", "{\"keyframes\": false}", .rate(1)),
        ])
    func aCallTakesThePlaceOfTheModel(model: String, call: String, sampling: FrameSampling) throws {
        #expect(try pipeline(model, call).decodeOptions.sampling == sampling)
    }

    @Test func anotherMethodForgetsTheSettingsOfTheFirst() throws {
        let model = "{\"method\": \"holitom\", \"set\": {\"tau\": 0.5}}"
        #expect(try pipeline(model).parameters == ["tau": "0.5"])
        #expect(try pipeline(model, "{\"method\": \"evs\"}").parameters == [:])
        #expect(try pipeline(model, "{\"set\": {\"tau\": 1}}").parameters == ["tau": "1"])
    }

    @Test func aPictureAndEmbeddingsAreLookedFor() throws {
        let ball = SharedFiles.package.appending(path: "Samples/ball.png").path
        let withBall = try pipeline("{}", "{\"query_image\": \"\(ball)\"}")
        #expect(withBall.exemplar != nil && withBall.queryDescription?.contains("ball.png") == true)
        let error = #expect(throws: TokenReelError.self) { try pipeline("{}", "{\"query_embedding\": \"/nowhere\"}") }
        #expect(error?.code == .unreadableInput)
    }

    @Test func wordsAreReadByTheModelThatCan() throws {
        let scratch = try ScratchFolder()
        let clip = try TinyCheckpoints.clipWithTokenizer(in: scratch)
        for model in ["{\"model\": \"\(clip)\"}", "{\"query_model\": \"\(clip)\"}"] {
            let pipeline = try pipeline(model, "{\"query\": \"a cat\"}")
            #expect(pipeline.question != nil && pipeline.queryDescription?.contains("a cat") == true)
        }
        let siglip = TinyCheckpoints.path("siglip")
        let settings = "\"layer\": -2, \"space\": \"tower\", \"saliency\": \"none\", \"precision\": \"f32\""
        #expect(try pipeline("{\"model\": \"\(siglip)\", \(settings)}").encoder.facts["space"] == "tower")
        let qwen = TinyCheckpoints.path("qwen3-vl-bf16")
        guard case .spread = try pipeline("{\"model\": \"\(qwen)\"}").decodeOptions.sampling else {
            Issue.record("a Qwen model takes frames by a rule of its own")
            return
        }
    }
}
