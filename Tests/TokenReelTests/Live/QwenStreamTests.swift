import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

/// Streams through the tiny Qwen-VL checkpoints: segments are parts of one video for the language model.
@Suite struct QwenStreamTests {
    private static let names = QwenPipelineTests.names
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func pipeline(_ name: String, rate: Double = 2) throws -> Pipeline {
        var options = VisionTowerOptions()
        // For Qwen3-VL the clip's 24 frames together: some 30 tokens for a group.
        options.mostPixels = name.hasPrefix("qwen3") ? 24 * 2048 : nil
        var pipeline = Pipeline(encoder: try CheckpointFolder(TinyCheckpoints.path(name)).encoder(options))
        pipeline.method = "evs"
        pipeline.request.budget = .ratio(0.3)
        pipeline.decodeOptions.sampling = .rate(rate)
        return pipeline
    }

    /// The clip's 24 frames at two a second, as a stream.
    private func frames(rate: Double = 2, claiming sampleRate: Double? = nil) throws -> RecordedFrames {
        try RecordedFrames(.file(Self.clip), rate: rate, size: .display, claiming: sampleRate)
    }

    private func segments(
        _ pipeline: Pipeline, _ window: StreamWindow, of frames: RecordedFrames? = nil
    ) throws -> [CommittedSegment] {
        var segments: [CommittedSegment] = []
        try LiveReduction(pipeline, window: window).run(frames ?? self.frames()) { event in
            if case .segment(let segment) = event { segments.append(segment) }
        }
        return segments
    }

    /// Frames of Qwen3-VL share a budget of pixels, so the window is as long as the clip, but full before that.
    private static let window = StreamWindow(frames: 12, seconds: 3)

    @Test(arguments: names, PositionRule.allCases)
    func positionsGoOnFromSegmentToSegment(name: String, rule: PositionRule) throws {
        var pipeline = try pipeline(name)
        pipeline.positionRule = rule
        let live = try segments(pipeline, Self.window)
        pipeline.window = Self.window
        let reduced = try pipeline.reduce(OpenInput(.file(Self.clip)))
        let batch = reduced.sequence
        #expect(live.map(\.frames) == [0..<4, 4..<8, 8..<12])
        #expect(live.flatMap(\.sequence.tokens.array) == batch.tokens.array)
        for stream in 0..<(name.hasPrefix("qwen3") ? 3 : 0) {
            #expect(live.flatMap { $0.sequence.deepstack[stream].array } == batch.deepstack[stream].array)
        }

        let whole = try #require(batch.rotaryPositions)
        let parts = try live.map { try #require($0.sequence.rotaryPositions) }
        for axis in 0..<3 {
            let ids = parts.flatMap { part -> [Int64] in
                let count = part.ids.count / 3
                return Array(part.ids[axis * count..<(axis + 1) * count])
            }
            #expect(ids == Array(whole.ids[axis * batch.count..<(axis + 1) * batch.count]))
        }
        #expect(parts.last?.next == whole.next)
        #expect(parts.reduce(0) { $0 + $1.delta } == whole.delta)
        // A group is a second, of two positions; Qwen3-VL's stand each for itself.
        #expect(parts.map(\.first) == (name.hasPrefix("qwen3") ? [0, 0, 0] : [0, 8, 16]))
        #expect(whole.first == 0 && parts.allSatisfy { $0.rule == rule })
        let groups = zip(live, parts).flatMap { segment, part in
            (part.groups ?? []).map { "\(segment.frames.lowerBound + $0.frame) \($0.timestamp) \($0.tokens)" }
        }
        #expect(groups == (whole.groups ?? []).map { "\($0.frame) \($0.timestamp) \($0.tokens)" })
        for key in ["fps", "family", "spatial_merge_size"] {
            #expect(live.allSatisfy { $0.metadata[key] == reduced.metadata[key] } && reduced.metadata[key] != nil)
        }
    }

    @Test(arguments: names) func aSegmentsFileIsHeldToItsPlaceInTheStream(name: String) throws {
        let scratch = try ScratchFolder()
        for segment in try segments(pipeline(name), Self.window) {
            try segment.sequence.write(to: scratch.path("a"), metadata: segment.metadata)
            let file = try TokenSequenceFile(path: scratch.path("a"))
            let positions = try #require(segment.sequence.rotaryPositions)
            #expect(file.sequence.rotaryPositions == positions)
            #expect(file.metadata["next_position"] == "\(positions.next)")
            #expect(file.metadata["rope_delta"] == "\(positions.delta)")
            #expect(file.metadata["first_position"] == (positions.first == 0 ? nil : "\(positions.first)"))
            let shape = segment.sequence.shape
            #expect(file.metadata["grid_thw"] == "4,\(2 * shape.rows),\(2 * shape.columns)")
            for (place, found) in [("3", "position_ids that contradict the plan"), ("-1", "first_frame")] {
                guard name == "qwen2.5-vl-bf16" || place == "-1" else { continue }
                let moved = segment.metadata.merging(["first_frame": place]) { $1 }
                try segment.sequence.write(to: scratch.path("b"), metadata: moved)
                #expect("\(place)") {
                    try TokenSequenceFile(path: scratch.path("b"))
                } throws: { ($0 as? TokenReelError)?.found.contains(found) == true }
            }
        }
    }

    /// What a source says of itself counts before what the pipeline would take; without both the model's own rate.
    @Test func theRateIsThatOfTheSource() throws {
        var pipeline = try pipeline("qwen2.5-vl-bf16")
        func fps(claiming rate: Double?) throws -> String? {
            try segments(pipeline, StreamWindow(frames: 4), of: frames(claiming: rate)).first?.metadata["fps"]
        }
        #expect(try fps(claiming: nil) == "2.0" && pipeline.sampleRate == 2)
        #expect(try fps(claiming: 0.5) == "0.5")
        pipeline.sample(.rate(3))
        #expect(try fps(claiming: nil) == "3.0" && pipeline.sampleRate == 3)
        pipeline.sample(.count(5))
        #expect(try fps(claiming: nil) == nil && pipeline.sampleRate == nil)
        let source = try LiveSource(Self.clip)
        var options = LiveOptions()
        options.sampleRate = 0.25
        let video: any LiveFrames = try LiveVideo(source, options: options)
        defer { video.close() }
        #expect(video.sampleRate == 0.25)
    }

    @Test(arguments: names, StreamMemoryPolicy.allCases)
    func snapshotsAreVideosOfTheirOwn(name: String, policy: StreamMemoryPolicy) throws {
        let scratch = try ScratchFolder()
        var reduction = LiveReduction(try pipeline(name), window: Self.window)
        reduction.memory = StreamMemory(policy, tokens: 60)
        let control = LiveControl()
        try reduction.run(frames(), control: control) { _ in }
        let snapshot = try #require(control.snapshot())
        try snapshot.sequence.write(to: scratch.path("memory"), metadata: snapshot.metadata, dtype: .f32)
        let file = try TokenSequenceFile(path: scratch.path("memory"))
        let positions = try #require(file.sequence.rotaryPositions)
        #expect(positions == snapshot.sequence.rotaryPositions && positions.first == 0)
        let (shape, count) = (file.sequence.shape, file.sequence.count)
        let frames = file.sequence.plan.anchors.map { Int64($0) / Int64(shape.tokensPerFrame) }
        #expect(
            positions.ids.prefix(count)
                == (name.hasPrefix("qwen3") ? frames.map { _ in 0 } : frames.map { 2 * $0 })[...])
        #expect(file.metadata["grid_thw"] == "\(shape.frames),\(2 * shape.rows),\(2 * shape.columns)")
        #expect(file.metadata["fps"] == "2.0")
        #expect(file.sequence.deepstack.count == (name.hasPrefix("qwen3") ? 3 : 0))
        #expect(file.sequence.deepstack.allSatisfy { $0.count == file.sequence.tokens.count })
    }

    @Test func streamsCanBeComparedWithTheTokens() throws {
        var pipeline = try pipeline("qwen3-vl-bf16")
        pipeline.method = "holitom"
        let alone = try segments(pipeline, Self.window)
        pipeline.comparesStreams = true
        let live = try segments(pipeline, Self.window)
        pipeline.window = Self.window
        let batch = try pipeline.reduce(OpenInput(.file(Self.clip))).sequence
        #expect(ReductionPlan(joining: live.map(\.sequence.plan)) == batch.plan)
        #expect(live.flatMap(\.sequence.tokens.array) == batch.tokens.array)
        #expect(ReductionPlan(joining: alone.map(\.sequence.plan)) != batch.plan)
    }

    @Test(arguments: names) func gridsCanBePreserved(name: String) throws {
        var pipeline = try pipeline(name)
        pipeline.method = "tokenflex"
        pipeline.request.isGridPreserving = true
        let live = try segments(pipeline, Self.window)
        pipeline.window = Self.window
        let batch = try pipeline.reduce(OpenInput(.file(Self.clip)))
        #expect(live.flatMap(\.sequence.tokens.array) == batch.sequence.tokens.array)
        for segment in live {
            #expect(segment.metadata["frame_grid"] == batch.metadata["frame_grid"])
            let sides = try #require(segment.metadata["grid_thw"]).split(separator: ",").compactMap { Int($0) }
            #expect(sides[0] == 4 && segment.sequence.count == sides.reduce(1, *) / 4)
            #expect(Double(segment.sequence.count) <= 0.3 * Double(segment.tokensIn))
        }
    }
}
