import Foundation
import TestSupport
import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

@Suite struct StandingQueryTests {
    private static let clip = SharedFiles.package.appending(path: "Samples/clip.mp4").path

    private func picture() throws -> Query {
        let path = SharedFiles.package.appending(path: "Samples/ball.png").path
        return try DescriptorEncoder().query(from: VideoDecoder.image(.file(path), size: .display, limits: Limits()))
    }

    @Test func oneFromTheStartIsThatOfBatch() throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .rate(2)
        pipeline.exemplar = try picture()
        pipeline.queryDescription = "a ball"
        var live: [CommittedSegment] = []
        try LiveReduction(pipeline, window: StreamWindow(frames: 6)).run(RecordedFrames(.file(Self.clip), rate: 2)) {
            if case .segment(let segment) = $0 { live.append(segment) }
        }
        pipeline.window = StreamWindow(frames: 6)
        let batch = try pipeline.reduce(OpenInput(.file(Self.clip))).sequence
        #expect(live.flatMap(\.sequence.tokens.array) == batch.tokens.array)
        #expect(live.flatMap { $0.sequence.relevance ?? [] } == batch.relevance)
        #expect(live.allSatisfy { $0.queries == ["query"] })
        #expect(live.first?.metadata["query"] == #"[{"name":"query","from":"a ball"}]"#)
    }

    @Test func theyCanBeAddedAndRemovedWhileItRuns() throws {
        var pipeline = try Pipeline()
        pipeline.request.budget = .ratio(0.1)
        let reduction = LiveReduction(pipeline, window: StreamWindow(frames: 4))
        let control = LiveControl()
        let channels = pipeline.encoder.channels
        let other = try Query(vectors: [Float](repeating: 1, count: channels), channels: channels)
        let ball = try picture()
        var seen: [[String]] = []
        var relevances: [[Float]?] = []
        try reduction.run(RecordedFrames(.file(Self.clip), rate: 4), control: control) { event in
            guard case .segment(let segment) = event else { return }
            seen.append(segment.queries)
            relevances.append(segment.sequence.relevance)
            switch segment.id {
            case 0: control.add(StandingQuery("ball", .picture(ball)))
            case 1: control.add(StandingQuery("other", .embedding(other)))
            case 2: control.removeQuery(named: "ball")
            case 3: control.removeQuery(named: "other")
            default: break
            }
        }
        #expect(seen.prefix(5) == [[], ["ball"], ["ball", "other"], ["other"], []])
        #expect(relevances.map { $0 == nil } == seen.map(\.isEmpty))
        #expect(control.queries.isEmpty && !control.removeQuery(named: "ball"))
        control.add(StandingQuery("ball", .picture(ball)))
        control.add(StandingQuery("ball", .picture(other)))
        #expect(control.queries == ["ball"])
    }

    @Test func ofSeveralTheBestAnswerCounts() throws {
        var pipeline = try Pipeline()
        pipeline.decodeOptions.sampling = .count(3)
        let grid = try pipeline.encode(OpenInput(.file(Self.clip))).grid
        pipeline.request.budget = .ratio(0.2)
        var vectors = [Float](repeating: 0, count: 2 * grid.shape.channels)
        vectors[3] = 1
        vectors[grid.shape.channels + 7] = -1
        let both = try Query(vectors: vectors, channels: grid.shape.channels)
        let halves = try [vectors.prefix(grid.shape.channels), vectors.suffix(grid.shape.channels)].map {
            try Query(vectors: Array($0), channels: grid.shape.channels)
        }
        var live: [[CommittedSegment]] = []
        for queries in [[both], halves] {
            let control = LiveControl()
            for (index, query) in queries.enumerated() { control.add(StandingQuery("\(index)", .embedding(query))) }
            var segments: [CommittedSegment] = []
            try LiveReduction(pipeline).run(RecordedFrames(.file(Self.clip), rate: 1), control: control) {
                if case .segment(let segment) = $0 { segments.append(segment) }
            }
            live.append(segments)
        }
        #expect(live[0].map(\.sequence.plan) == live[1].map(\.sequence.plan))
    }

    @Test func whatDoesNotFitIsRefusedBeforehand() throws {
        let reduction = LiveReduction(try Pipeline())
        try reduction.check(StandingQuery("ball", .picture(picture())))
        let narrow = try Query(vectors: [1, 2, 3], channels: 3)
        for subject in [StandingQuery.Subject.picture(narrow), .embedding(narrow)] {
            let error = #expect(throws: TokenReelError.self) { try reduction.check(StandingQuery("narrow", subject)) }
            #expect(error?.code == .invalidArgument)
        }
    }
}
