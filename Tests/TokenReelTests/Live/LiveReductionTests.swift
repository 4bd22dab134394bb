import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

@Suite struct LiveReductionTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path
    private static let names = RecipeRegistry.recipes.map(\.name)

    private func pipeline(_ method: String = RecipeRegistry.defaultName) throws -> Pipeline {
        var pipeline = try Pipeline()
        pipeline.method = method
        pipeline.decodeOptions.sampling = .rate(4)
        pipeline.request.budget = .ratio(0.07)
        pipeline.request.allowSubstitute = true
        return pipeline
    }

    private func segments(
        _ reduction: LiveReduction, of frames: any LiveFrames, control: LiveControl = LiveControl()
    ) throws -> [CommittedSegment] {
        var segments: [CommittedSegment] = []
        try reduction.run(frames, control: control) { event in
            if case .segment(let segment) = event { segments.append(segment) }
        }
        return segments
    }

    /// Frames of one colour each, a second apart.
    private func frames(_ count: Int, from start: Int = 0) throws -> [LiveEvent] {
        (start..<start + count).map { index in
            let pixels = (0..<224 * 224).flatMap { place in
                [UInt8(index * 40 % 256), UInt8(place % 256), UInt8((index / 4) * 90 % 256)]
            }
            return .frame(
                VideoFrame(
                    width: 224, height: 224, pixels: pixels, pts: MediaTime(ticks: Int64(index), timeBase: .one)),
                arrival: .now)
        }
    }

    /// Methods that the built-in encoder's signals are enough for.
    private static let able = names.filter { name in
        guard let recipe = try? RecipeRegistry.recipe(named: name) else { return false }
        return recipe.needs.isSubset(of: [.saliency, .pixelChange, .frameFeatures])
    }

    @Test(arguments: able, [StreamWindow(frames: 8), StreamWindow(seconds: 3.1)])
    func aFileComesOutAsFromBatchWithTheSameWindow(method: String, window: StreamWindow) throws {
        var pipeline = try pipeline(method)
        let live = try segments(
            LiveReduction(pipeline, window: window), of: RecordedFrames(.file(Self.clip), rate: 4))
        pipeline.window = window
        let batch = try pipeline.reduce(OpenInput(.file(Self.clip))).sequence
        #expect(batch.shape.frames == 48)
        #expect(live.map { Segment(start: $0.frames.lowerBound, end: $0.frames.upperBound) } == batch.segments)
        #expect(live.map(\.id) == Array(0..<live.count))
        #expect(live.flatMap(\.sequence.tokens.array) == batch.tokens.array)
        #expect(live.flatMap(\.sequence.timestamps) == batch.timestamps)
        #expect(ReductionPlan(joining: live.map(\.sequence.plan)) == batch.plan)
        #expect(live.reduce(0) { $0 + $1.sequence.count } == batch.count)
        #expect(live.allSatisfy { ($0.sequence.codebook == nil) == (batch.codebook == nil) })
        #expect(live.flatMap { $0.sequence.codebook?.array ?? [] } == batch.codebook?.array ?? [])
    }

    @Test func segmentsSayWhatTheyAre() throws {
        let reduction = LiveReduction(try pipeline(), window: StreamWindow(frames: 8))
        var events: [LiveReductionEvent] = []
        let control = LiveControl()
        let source = try RecordedFrames(.file(Self.clip), rate: 4)
        try reduction.run(source, control: control) { events.append($0) }
        guard case .opened(let info, attempt: 1) = events.first else {
            Issue.record("nothing was opened")
            return
        }
        #expect(info.codec == "h264" && source.isClosed)
        let segments = events.compactMap { if case .segment(let segment) = $0 { segment } else { nil } }
        for segment in segments {
            #expect(segment.arrivals.count == segment.frames.count && segment.closed >= segment.arrivals[0])
            #expect(segment.sequence.segments == [Segment(start: 0, end: segment.frames.count)])
            #expect(segment.metadata["segment"] == "\(segment.id)" && segment.metadata["sha256"] == nil)
            #expect(segment.metadata["window"] == #"{"frames":8}"#)
            #expect(Set(segment.stages.map(\.stage)).isSuperset(of: ["encode", "compare", "merge", "hash"]))
        }
        let progress = control.progress
        #expect(progress.frames == 48 && progress.openFrames == 0 && progress.segments == segments.count)
        #expect(progress.tokensIn == 48 * 196 && progress.tokensOut == Int((0.07 * 48 * 196).rounded()))
        #expect(!progress.isOpen && progress.gaps == 0)
    }

    @Test func aGapCommitsWhatWaits() throws {
        let gap = LiveGap(reason: .stall, detail: "no frame for 10 s", since: 4, attempt: 0)
        let retried = LiveGap(reason: .refused, detail: "nobody there", since: 4, attempt: 1)
        let source = RecordedFrames(
            try frames(5) + [.gap(gap), .gap(retried)] + frames(4, from: 50))
        var order: [String] = []
        let control = LiveControl()
        try LiveReduction(pipeline("evs"), window: StreamWindow(frames: 100)).run(source, control: control) { event in
            switch event {
            case .segment(let segment): order.append("\(segment.frames) \(segment.sequence.frameTimes)")
            case .gap(let gap): order.append(gap.detail)
            case .opened: order.append("opened")
            }
        }
        #expect(
            order == [
                "0..<5 [0.0, 1.0, 2.0, 3.0, 4.0]", "no frame for 10 s", "nobody there",
                "5..<9 [50.0, 51.0, 52.0, 53.0]",
            ])
        #expect(control.progress.gaps == 1)
    }

    @Test func finishingCommitsWhatWaitsAndReadsNoMore() throws {
        let source = RecordedFrames(try frames(40), ends: false)
        let control = LiveControl()
        var frames = 0
        try LiveReduction(pipeline("evs"), window: StreamWindow(frames: 4)).run(source, control: control) { event in
            guard case .segment(let segment) = event else { return }
            frames += segment.frames.count
            if segment.id == 2 { control.finish() }
        }
        #expect(frames == 12 && source.unread == 28 && source.isClosed)
        // Beforehand there is nothing to commit.
        let idle = LiveControl()
        idle.finish()
        #expect(try segments(LiveReduction(pipeline()), of: RecordedFrames([], ends: false), control: idle).isEmpty)
    }

    @Test func threadsChangeNothing() throws {
        var reference: [CommittedSegment]?
        for workers in [1, 2, 5] {
            var pipeline = try pipeline("dtd")
            pipeline.request.workers = workers
            let live = try segments(
                LiveReduction(pipeline, window: StreamWindow(frames: 7)), of: RecordedFrames(.file(Self.clip), rate: 4))
            if let reference {
                #expect(live.map(\.frames) == reference.map(\.frames))
                #expect(live.flatMap(\.sequence.tokens.array) == reference.flatMap(\.sequence.tokens.array))
            }
            reference = live
        }
    }

    @Test func settingsThatMakeNoSenseForAStreamAreRefused() throws {
        var pipeline = try pipeline()
        pipeline.request.budget = .tokens(100)
        let budget = #expect(throws: TokenReelError.self) { try LiveReduction(pipeline).validate() }
        #expect(budget?.code == .invalidArgument && budget?.subject == "budget")
        #expect(throws: TokenReelError.self) {
            try LiveReduction(self.pipeline(), window: StreamWindow(frames: 0)).validate()
        }
        var unable = try Pipeline()
        unable.method = "hiprune"
        let signal = #expect(throws: TokenReelError.self) { try LiveReduction(unable).validate() }
        #expect(signal?.code == .missingSignal)
    }

    // MARK: Memory and codebooks

    @Test(arguments: StreamMemoryPolicy.allCases)
    func aSnapshotIsAnOrdinaryTokenFile(policy: StreamMemoryPolicy) throws {
        let scratch = try ScratchFolder()
        var reduction = LiveReduction(try pipeline(), window: StreamWindow(frames: 8))
        reduction.memory = StreamMemory(policy, tokens: 400)
        reduction.sourceName = "a camera"
        let control = LiveControl()
        #expect(control.snapshot() == nil)
        var counts: [Int] = []
        let path = scratch.path("memory")
        try reduction.run(RecordedFrames(.file(Self.clip), rate: 4), control: control) {
            event throws(TokenReelError) in
            guard case .segment = event, let snapshot = control.snapshot() else { return }
            counts.append(snapshot.sequence.count)
            try snapshot.sequence.write(to: path, metadata: snapshot.metadata, dtype: .f32)
        }
        #expect(counts.count == control.progress.segments && counts.allSatisfy { 1...400 ~= $0 })
        // Reading checks that positions, sizes, owners and times agree with the plan.
        let file = try TokenSequenceFile(path: path)
        #expect(file.sequence.count == counts.last)
        #expect(file.metadata["memory"] == #"{"policy":"\#(policy.rawValue)","tokens":400}"#)
        #expect(file.metadata["source"] == "a camera" && file.metadata["segment"] == nil)
        #expect(file.sequence.frameTimes.allSatisfy { 0...12 ~= $0 })
        #expect(file.sequence.segments == [Segment(start: 0, end: file.sequence.shape.frames)])
    }

    @Test func segmentsNameTheVersionOfTheirCodebook() throws {
        let scratch = try ScratchFolder()
        var reduction = LiveReduction(try pipeline(), window: StreamWindow(frames: 4))
        reduction.codebook = .frozen(after: 2)
        let segments = try segments(reduction, of: RecordedFrames(.file(Self.clip), rate: 4))
        #expect(segments.map { $0.metadata["codebook_version"] }.prefix(3) == [nil, "1", "1"])
        let book = try #require(segments[1].sequence.codebook)
        for segment in segments.dropFirst() {
            #expect(segment.sequence.codebook?.array == book.array)
            try segment.sequence.write(to: scratch.path("segment"), dtype: .f32)
            #expect(try TokenSequenceFile(path: scratch.path("segment")).sequence.codes == segment.sequence.codes)
        }
        var given = LiveReduction(try pipeline(), window: StreamWindow(frames: 4))
        given.codebook = .given(book)
        let again = try self.segments(given, of: RecordedFrames(.file(Self.clip), rate: 4))
        #expect(again.dropFirst().map(\.sequence.codes) == segments.dropFirst().map(\.sequence.codes))
        #expect(again.allSatisfy { $0.metadata["codebook_version"] == "1" })
    }
}
