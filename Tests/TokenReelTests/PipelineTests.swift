import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

@Suite struct PipelineTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func pipeline(workers: Int = 1) throws -> Pipeline {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .rate(2)
        pipeline.request.budget = .tokens(200)
        pipeline.request.workers = workers
        return pipeline
    }

    @Test func exactCountAndEveryStageIsReported() throws {
        let result = try pipeline().reduce(OpenInput(.file(Self.clip)))
        let report = result.report
        #expect(result.sequence.count == 200)
        #expect(report.tokensIn == 24 * 196)
        #expect(report.tokensOut == 200)
        #expect(report.segments == result.sequence.segments.count)
        #expect(report.quality.coverage > 0.8 && report.quality.coverage <= 1.000001)
        for stage in ["decode", "encode", "compare", "segment", "merge", "hash", "measure"] {
            #expect(report.stages.contains { $0.stage == stage && $0.seconds >= 0 }, "\(stage)")
        }
        #expect(report.statistics?.framesReturned == 24)
        #expect(report.peakMemoryBytes > 1 << 20)
        #expect(result.metadata["source"] == nil)
        #expect(result.metadata["sha256"]?.count == 64)
        #expect(Double(result.metadata["duration"] ?? "") == 12)
    }

    @Test func threadsDoNotChangeAByte() throws {
        let scratch = try ScratchFolder()
        for workers in [1, 2, 5] {
            let result = try pipeline(workers: workers).reduce(OpenInput(.file(Self.clip)))
            try result.sequence.write(to: scratch.path("\(workers)"), metadata: result.metadata)
        }
        #expect(try scratch.bytes("1") == scratch.bytes("2"))
        #expect(try scratch.bytes("1") == scratch.bytes("5"))
    }

    @Test func aGridInMemoryIsReducedLikeAFile() throws {
        let pipeline = try pipeline()
        let input = try OpenInput(.file(Self.clip))
        let encoded = try pipeline.encode(input)
        let reduced = try pipeline.reduce(
            encoded: EncodedInput(grid: encoded.grid, metadata: ["model": "mine", "other": "no"]))
        let direct = try pipeline.reduce(input)
        #expect(reduced.sequence.tokens.array == direct.sequence.tokens.array)
        #expect(reduced.sequence.plan == direct.sequence.plan)
        #expect(reduced.metadata["recipe"] == direct.metadata["recipe"])
        #expect(reduced.metadata["model"] == "mine")
        #expect(reduced.metadata["other"] == nil && reduced.metadata["sampling"] == nil)
    }

    @Test func gridOnTheWayChangesNothing() throws {
        let scratch = try ScratchFolder()
        let pipeline = try pipeline()
        let input = try OpenInput(.file(Self.clip))
        let direct = try pipeline.reduce(input)
        let encoded = try pipeline.encode(input)
        try encoded.grid.write(to: scratch.path("grid"), metadata: pipeline.gridProvenance(of: input, encoded))
        let grid = try OpenInput(.file(scratch.path("grid")))
        #expect(grid.isGrid)
        let indirect = try pipeline.reduce(grid)
        #expect(indirect.sequence.tokens.array == direct.sequence.tokens.array)
        #expect(indirect.sequence.plan == direct.sequence.plan)
        #expect(indirect.metadata["model"] == "descriptor")
        #expect(indirect.metadata["duration"] == direct.metadata["duration"])
    }

    @Test func gridsCarryTheSignalsThatWereAskedFor() throws {
        let folder = try CheckpointFolder(TinyCheckpoints.path("clip"))
        let scratch = try ScratchFolder()
        func grid(_ signals: Set<Signal>, workers: Int = 1) throws -> TokenGrid {
            var pipeline = Pipeline(encoder: try VisionTower(folder))
            pipeline.decodeOptions.sampling = .count(5)
            pipeline.request.workers = workers
            pipeline.signals = signals.intersection(pipeline.availableSignals)
            return try pipeline.encode(OpenInput(.file(Self.clip))).grid
        }
        let plain = try grid([])
        #expect(plain.saliency != nil && plain.frameFeatures == nil && plain.patchEmbeddings == nil)
        #expect(plain.maps.isEmpty)
        let full = try grid(Set(Signal.allCases), workers: 3)
        #expect(full.values.array == plain.values.array && full.saliency == plain.saliency)
        #expect(full.frameFeatures?.count == 5 * 20 && full.patchEmbeddingChannels == 20)
        #expect(Set(full.maps.keys) == Set(Signal.maps))
        #expect(full.maps[.objectSaliency]?.layers == 1 && full.maps[.pixelChange]?.layers == 1)
        #expect(full.maps[.classAttention]?.layers == 3 && full.maps[.valueNorms]?.layers == 3)
        #expect(full.maps[.pixelChange]?.values.prefix(25).allSatisfy { $0 == 255 } == true)
        #expect(full.maps[.pixelChange]?.values.dropFirst(25).allSatisfy { 0..<5 ~= $0 } == true)
        // Layers come before frames: the second layer of the third frame.
        let single = try grid([.valueNorms])
        #expect(single.maps.count == 1 && single.maps == full.maps.filter { $0.key == .valueNorms })
        let third = try #require(try frame(2))
        let encoded = try VisionTower(folder).encode(third, signals: [.valueNorms])
        let start = (5 + 2) * 25
        #expect(encoded.maps[.valueNorms]?[1] == full.maps[.valueNorms].map { Array($0.values[start..<start + 25]) })

        try full.write(to: scratch.path("grid"))
        let read = try TokenGridFile(path: scratch.path("grid")).grid
        #expect(read.maps == full.maps && read.frameFeatures == full.frameFeatures)
        #expect(read.patchEmbeddings?.array == full.patchEmbeddings?.array)
    }

    /// One of five frames of the clip, at its own size.
    private func frame(_ index: Int) throws -> VideoFrame? {
        var options = DecodeOptions()
        options.sampling = .count(5)
        let decoder = try VideoDecoder(.file(Self.clip), options: options)
        for _ in 0..<index { _ = try decoder.next() }
        return try decoder.next()
    }

    @Test func pixelChangeIsThatOfThePicturesInOrder() throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .rate(2)
        pipeline.signals = [.pixelChange]
        let alone = try pipeline.encode(OpenInput(.file(Self.clip))).grid.maps
        pipeline.request.workers = 3
        #expect(try pipeline.encode(OpenInput(.file(Self.clip))).grid.maps == alone)
        let change = try #require(alone[.pixelChange]).values
        let decoder = try VideoDecoder(.file(Self.clip), options: pipeline.decodeOptions)
        var last: VideoFrame?
        var expected: [Float] = []
        while let frame = try decoder.next() {
            expected += PixelChange.map(of: frame, since: last, rows: 14, columns: 14)
            last = frame
        }
        #expect(change == expected && change.count == 24 * 196)
    }

    @Test func forecastIsWhatComes() throws {
        let pipeline = try pipeline()
        let input = try OpenInput(.file(Self.clip))
        let forecast = try pipeline.forecast(input)
        let report = try pipeline.reduce(input).report
        #expect(forecast.shape == report.shape)
        #expect(forecast.tokensOut == report.tokensOut)
        #expect(forecast.gridBytes == 24 * 196 * 80 * 4)
    }

    @Test func storedResultStandsForTheSameSettingsOnly() throws {
        let scratch = try ScratchFolder()
        let pipeline = try pipeline()
        let input = try OpenInput(.file(Self.clip))
        let result = try pipeline.reduce(input)
        try result.sequence.write(to: scratch.path("a"), metadata: result.metadata)
        let file = try TokenSequenceFile(path: scratch.path("a"))
        #expect(try pipeline.wouldReproduce(file, from: input, as: .f16))
        #expect(try !pipeline.wouldReproduce(file, from: input, as: .f32))
        #expect(try !pipeline.wouldReproduce(file, from: OpenInput(.file(Self.clip), name: "other"), as: .f16))
        let changes: [(inout Pipeline) -> Void] = [
            { $0.request.budget = .tokens(201) }, { $0.request.budget = .ratio(0.1) }, { $0.method = "evs" },
            { $0.parameters["tau"] = "0.9" }, { $0.decodeOptions.sampling = .rate(3) },
            { $0.decodeOptions.start = 1 }, { $0.decodeOptions.end = 5 }, { $0.request.codebook = .fixed(8) },
            { $0.request.asPublished = true }, { $0.queryDescription = "{}" },
        ]
        for (index, change) in changes.enumerated() {
            var changed = pipeline
            change(&changed)
            #expect(try !changed.wouldReproduce(file, from: input, as: .f16), "change \(index)")
        }
        var faster = pipeline
        faster.request.workers = 7
        faster.decodeOptions.threads = 3
        #expect(try faster.wouldReproduce(file, from: input, as: .f16))
    }

    @Test func progressCountsEveryFrame() throws {
        final class Log: @unchecked Sendable {
            // @unchecked Sendable holds because the pipeline calls from one thread, and the test reads after it is done.
            var frames: [Int] = []
            var expected: Set<Int?> = []
        }
        let log = Log()
        _ = try pipeline().reduce(OpenInput(.file(Self.clip))) { progress in
            guard progress.stage == .decode else { return }
            log.frames.append(progress.frames)
            log.expected.insert(progress.expectedFrames)
        }
        #expect(log.frames == Array(0...24))
        #expect(log.expected == [24])
    }

    @Test func limitsAndEmptyRangesAreErrors() throws {
        var small = try pipeline()
        small.decodeOptions.limits.gridBytes = 100_000
        #expect { try small.reduce(OpenInput(.file(Self.clip))) } throws: {
            ($0 as? TokenReelError)?.code == .limitExceeded
        }
        var late = try pipeline()
        late.decodeOptions.start = 100
        #expect(throws: TokenReelError.self) { try late.reduce(OpenInput(.file(Self.clip))) }
        #expect(throws: TokenReelError.self) { try pipeline().reduce(OpenInput(.file("/nonexistent.mp4"))) }
    }

    @Test func anEncoderThatFailsEndsTheDecoderToo() throws {
        struct Failing: FrameEncoder {
            let name = "failing"
            let frameSize: (width: Int, height: Int)? = (16, 16)
            let rows = 1
            let columns = 1
            let channels = 1
            let signals: Set<Signal> = []
            func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
                if frame.pts.seconds > 1 { throw TokenReelError(.invalidArgument, subject: "frame", found: "late") }
                return EncodedFrame(tokens: [1])
            }
            func query(from image: VideoFrame) throws(TokenReelError) -> Query {
                try Query(vectors: [1], channels: 1)
            }
        }
        var pipeline = Pipeline(encoder: Failing())
        pipeline.decodeOptions.sampling = .all
        #expect { try pipeline.reduce(OpenInput(.file(Self.clip))) } throws: {
            ($0 as? TokenReelError)?.found == "late"
        }
    }

    /// SigLIP's patch embeddings are as long as its tokens.
    @Test func exemplarsAreComparedWithTokensWhateverElseTheGridCarries() throws {
        let folder = try CheckpointFolder(TinyCheckpoints.path("siglip"))
        var pipeline = Pipeline(encoder: try VisionTower(folder))
        pipeline.decodeOptions.sampling = .count(4)
        pipeline.request.budget = .tokens(30)
        pipeline.exemplar = try pipeline.encoder.query(from: try #require(try frame(1)))
        let expected = try pipeline.reduce(OpenInput(.file(Self.clip))).sequence
        pipeline.signals = [.patchEmbeddings]
        let beside = try pipeline.reduce(OpenInput(.file(Self.clip))).sequence
        #expect(expected.relevance?.count == 30 && beside.relevance?.count == 30)
        // Averaged cosines and cosines to averages are close, and neither is one to patch embeddings.
        for (a, b) in zip(expected.relevance ?? [], beside.relevance ?? []) { #expect(abs(a - b) < 0.05) }
    }

    @Test func whatTheMethodLacksIsSaidBeforeAFrameIsDecoded() throws {
        var options = VisionTowerOptions()
        options.saliency = .none
        let folder = try CheckpointFolder(TinyCheckpoints.path("siglip"))
        var pipeline = Pipeline(encoder: try VisionTower(folder, options: options))
        pipeline.method = "holitom"
        // It would fail to decode as well, and later.
        pipeline.decodeOptions.start = 100
        let input = try OpenInput(.file(Self.clip))
        func refusal() -> TokenReelError? {
            #expect(throws: TokenReelError.self) { try pipeline.reduce(input) }
        }
        #expect(refusal()?.code == .missingSignal)
        #expect(throws: TokenReelError.self) { try pipeline.forecast(input) }
        pipeline.request.allowSubstitute = true
        #expect(refusal()?.code == .unreadableInput)
        _ = try pipeline.forecast(input)
        pipeline.request.codebook = .fixed(4)
        #expect(refusal()?.subject == "codebook")
    }

    @Test func asynchronousRunsGiveTheSameAndCanBeCancelled() async throws {
        let pipeline = try pipeline()
        let direct = try pipeline.reduce(OpenInput(.file(Self.clip)))
        let reduced = try await pipeline.reduced(.file(Self.clip))
        #expect(reduced.sequence.plan == direct.sequence.plan)
        var slow = pipeline
        slow.decodeOptions.sampling = .all
        let task = Task { [slow] in try await slow.reduced(.file(Self.clip)) }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? TokenReelError)?.code == .cancelled }
    }

    @Test func recipesOfOnesOwnAreChosenByName() throws {
        struct FirstTokens: TokenPruner {
            static let descriptor = StageDescriptor(
                name: "first", kind: .prune, summary: "Keeps the first.", source: "this test",
                parameters: [.whole("skip", 0, in: 0...100, "How many to pass over.")], cost: "O(1)")
            let skip: Int

            init(_ values: ParameterValues) { skip = values.whole("skip") }

            func selection(from candidates: CandidateTokens, of input: ReductionInput, count: Int) -> [Int] {
                Array(skip..<skip + count)
            }
        }
        var pipeline = try pipeline()
        pipeline.recipes.append(
            RecipeDescriptor("first", "Keeps the first.", source: "this test", pruner: FirstTokens.self))
        pipeline.method = "first"
        pipeline.parameters = ["skip": "3"]
        let input = try OpenInput(.file(Self.clip))
        #expect(try pipeline.forecast(input).tokensOut == 200)
        let reduced = try pipeline.reduce(input)
        #expect(reduced.sequence.plan.anchors == Array(3..<203))
        #expect(
            reduced.metadata["recipe"] == #"{"name":"first","parameters":{"skip":3}}"#,
            "\(reduced.metadata["recipe"] ?? "")")
        let comparison = try pipeline.compare(input, methods: ["first", "evs"], budgets: [.tokens(10)])
        #expect(Set(comparison.entries.map(\.method)) == ["first", "evs"])
        #expect(throws: TokenReelError.self) {
            try self.pipeline().compare(input, methods: ["first"], budgets: [.tokens(1)])
        }
    }
}
