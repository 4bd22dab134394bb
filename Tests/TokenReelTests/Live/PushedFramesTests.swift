import Testing
import TokenCore
import TokenReel
import VideoDecoding
import VisionEncoding

@Suite struct PushedFramesTests {
    private let encoder: DescriptorEncoder
    private let reduction: LiveReduction

    init() throws {
        encoder = try DescriptorEncoder(rows: 4, columns: 4)
        reduction = LiveReduction(Pipeline(encoder: encoder), window: StreamWindow(frames: 4))
    }

    private func pixels(_ count: Int, _ index: Int) -> [UInt8] {
        (0..<count * 3).map { UInt8(($0 / 7 + index / 3 * 50) % 256) }
    }

    private func segments(of frames: any LiveFrames) throws -> [CommittedSegment] {
        var segments: [CommittedSegment] = []
        try reduction.run(frames) { event in
            if case .segment(let segment) = event { segments.append(segment) }
        }
        return segments
    }

    @Test func theyAreReducedLikeThoseOfASource() throws {
        let pushed = PushedFrames(for: encoder)
        let thread = DedicatedThread { [self] in
            for index in 0..<11 {
                _ = try? pushed.push(width: 64, height: 64, pixels: pixels(64 * 64, index), seconds: Double(index) / 4)
            }
            pushed.finish()
            pushed.finish()
        }
        let segments = try segments(of: pushed)
        thread.join()
        let quarter = try #require(Rational(1, 4))
        let recorded = RecordedFrames(
            (0..<11).map { index in
                .frame(
                    VideoFrame(
                        width: 64, height: 64, pixels: pixels(64 * 64, index),
                        pts: MediaTime(ticks: Int64(index), timeBase: quarter)), arrival: .now)
            })
        let expected = try self.segments(of: recorded)
        #expect(segments.map(\.frames) == expected.map(\.frames) && segments.count > 1)
        #expect(segments.map(\.sequence.tokens.array) == expected.map(\.sequence.tokens.array))
        #expect(segments.flatMap(\.sequence.frameTimes) == (0..<11).map { Double($0) / 4 })
        #expect(pushed.statistics.framesSampled == 11)
    }

    @Test func anySizeIsBroughtToThatOfTheEncoder() throws {
        let frames = PushedFrames(for: encoder)
        #expect(try frames.push(width: 90, height: 31, pixels: pixels(90 * 31, 0), seconds: 0))
        guard case .frame(let frame, _) = frames.next(timeout: 0) else {
            Issue.record("no frame")
            return
        }
        #expect(frame.width == 64 && frame.height == 64)
        #expect(frame.pixels != pixels(64 * 64, 0))
    }

    @Test func timesRiseUntilTheEnd() throws {
        let frames = PushedFrames(for: encoder)
        func push(_ seconds: Double) throws -> Bool {
            try frames.push(width: 64, height: 64, pixels: pixels(64 * 64, 0), seconds: seconds)
        }
        #expect(try push(-3))
        for seconds in [-3, -4, .nan, .infinity, 1e300] {
            let error = #expect(throws: TokenReelError.self) { try push(seconds) }
            #expect(error?.code == .invalidArgument)
        }
        #expect(try push(1e-9))
        frames.finish()
        #expect(throws: TokenReelError.self) { try push(2) }
    }

    @Test func nobodyWaitsForASourceThatIsClosed() throws {
        let frames = PushedFrames(for: encoder)
        frames.close()
        #expect(try !frames.push(width: 64, height: 64, pixels: pixels(64 * 64, 0), seconds: 0))
        frames.finish()
    }
}
