import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

/// A clip through the tiny Qwen-VL checkpoints: groups of frames, sizes that follow from the video, further streams.
@Suite struct QwenPipelineTests {
    static let names = ["qwen2.5-vl-bf16", "qwen3-vl-bf16"]
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func pipeline(_ name: String) throws -> Pipeline {
        Pipeline(encoder: try CheckpointFolder(TinyCheckpoints.path(name)).encoder())
    }

    @Test(arguments: names) func forecastIsWhatComes(_ name: String) throws {
        let pipeline = try pipeline(name)
        let input = try OpenInput(.file(Self.clip))
        let forecast = try pipeline.forecast(input)
        let grid = try pipeline.encode(input).grid
        #expect(forecast.shape == grid.shape)
        #expect(forecast.tokensOut == (try pipeline.reduce(input).sequence.count))
        // Twelve seconds at two frames a second, two a group, and the clip's shape: 640 x 360.
        #expect(grid.shape.frames == 12)
        #expect(grid.shape.columns > grid.shape.rows)
    }

    @Test(arguments: names) func groupsAreEncodedAsTheTowerDoes(_ name: String) throws {
        var pipeline = try pipeline(name)
        pipeline.sample(.count(5))
        let encoded = try pipeline.encode(OpenInput(.file(Self.clip)))
        let grid = encoded.grid
        let decoder = try VideoDecoder(.file(Self.clip), options: pipeline.decodeOptions)
        var frames: [VideoFrame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        // Qwen2.5-VL's processor rounds to pairs.
        #expect(frames.count == (name.hasPrefix("qwen3") ? 5 : 4))
        let tower = try pipeline.encoder.fitted(to: VideoOutline(width: 640, height: 360, frames: frames.count))
        let groups = stride(from: 0, to: frames.count, by: 2).map { Array(frames[$0..<min($0 + 2, frames.count)]) }
        let expected = try groups.map { try tower.encode($0, signals: [.saliency], workers: 1) }
        #expect(grid.values.array == expected.flatMap(\.tokens))
        #expect(grid.saliency == expected.flatMap { $0.saliency ?? [] })
        #expect(grid.frameTimes == groups.map(tower.seconds))
        #expect(grid.deepstack.count == (name.hasPrefix("qwen3") ? 3 : 0))
        for (index, stream) in grid.deepstack.enumerated() {
            #expect(stream.array == expected.flatMap { $0.deepstack[index] })
        }
    }

    @Test(arguments: names) func threadsChangeNothing(_ name: String) throws {
        var pipeline = try pipeline(name)
        pipeline.signals = pipeline.availableSignals
        let alone = try pipeline.encode(OpenInput(.file(Self.clip))).grid
        pipeline.request.workers = 5
        let together = try pipeline.encode(OpenInput(.file(Self.clip))).grid
        #expect(together.values.array == alone.values.array && together.maps == alone.maps)
        #expect(together.deepstack.map(\.array) == alone.deepstack.map(\.array))
        #expect(Set(alone.maps.keys) == [.objectSaliency, .valueNorms, .pixelChange])
        let change = try #require(alone.maps[.pixelChange]).values
        let cells = alone.shape.tokensPerFrame
        #expect(change.prefix(cells).allSatisfy { $0 == 255 } && change.dropFirst(cells).allSatisfy { 0..<5 ~= $0 })
    }

    @Test(arguments: ["tokenreel", "holitom", "evs", "vqtoken", "dycoke", "fastvid"])
    func onePlanReducesAllStreams(_ method: String) throws {
        let scratch = try ScratchFolder()
        var pipeline = try pipeline("qwen3-vl-bf16")
        pipeline.method = method
        pipeline.request.allowSubstitute = true
        pipeline.request.budget = .tokens(20)
        let input = try OpenInput(.file(Self.clip))
        let grid = try pipeline.encode(input).grid
        let reduced = try pipeline.reduce(input)
        let sequence = reduced.sequence
        #expect(sequence.count == 20 && sequence.deepstack.count == 3)
        for (stream, whole) in zip(sequence.deepstack, grid.deepstack) {
            #expect(stream.array == sequence.plan.applied(to: whole, channels: 24).array)
        }
        try sequence.write(to: scratch.path("out"), metadata: reduced.metadata, dtype: .f32)
        let read = try TokenSequenceFile(path: scratch.path("out"))
        #expect(read.sequence.deepstack.map(\.array) == sequence.deepstack.map(\.array))
        #expect(try pipeline.wouldReproduce(read, from: input, as: .f32))
    }

    @Test func filesSayWhatPositionsNeed() throws {
        let scratch = try ScratchFolder()
        let pipeline = try pipeline("qwen2.5-vl-bf16")
        let input = try OpenInput(.file(Self.clip))
        let direct = try pipeline.reduce(input)
        let metadata = direct.metadata
        #expect(metadata["family"] == "qwen2.5-vl" && metadata["tokens_per_second"] == "2")
        let shape = direct.sequence.shape
        #expect(metadata["grid_thw"] == "\(shape.frames),\(2 * shape.rows),\(2 * shape.columns)")
        #expect(metadata["fps"] == "2.0")
        let indices = try #require(metadata["frame_indices"]).split(separator: ",").map { Int($0) }
        #expect(indices.count == 24 && indices[0] == 0)
        #expect(metadata["sampling"]?.contains("rows") == false)
        // By way of a grid nothing is lost.
        let encoded = try pipeline.encode(input)
        try encoded.grid.write(to: scratch.path("grid"), metadata: pipeline.gridProvenance(of: input, encoded))
        let indirect = try pipeline.reduce(try OpenInput(.file(scratch.path("grid"))))
        for key in [
            "family", "tokens_per_second", "grid_thw", "fps", "video_fps", "frame_indices", "spatial_merge_size",
        ] {
            #expect(indirect.metadata[key] == metadata[key] && metadata[key] != nil, "\(key)")
        }
        #expect(indirect.sequence.tokens.array == direct.sequence.tokens.array)
    }
}
