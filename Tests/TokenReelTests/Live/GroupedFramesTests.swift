import Testing
import TokenCore
import TokenReduction
import TokenReel
import VideoDecoding
import VisionEncoding

/// Encoders that join frames, or fit themselves to a video, as those of Qwen-VL do.
@Suite struct GroupedFramesTests {
    /// Pairs of frames become one, in a grid that follows from the video's size.
    private struct PairingEncoder: FrameEncoder {
        var frame = VideoOutline(width: 64, height: 64)
        var name: String { "pairing" }
        var frameSize: (width: Int, height: Int)? { (frame.width, frame.height) }
        var rows: Int { frame.height / 32 }
        var columns: Int { frame.width / 32 }
        var channels: Int { 3 }
        var framesPerGroup: Int { 2 }
        var fitsVideos: Bool { true }
        var signals: Set<Signal> { [] }

        func encode(_ frame: VideoFrame, signals: Set<Signal>) throws(TokenReelError) -> EncodedFrame {
            try encode([frame], signals: signals, workers: 1)
        }

        /// Each token tells the group's size, its first frame's brightness, and its place.
        func encode(_ group: [VideoFrame], signals: Set<Signal>, workers: Int) throws(TokenReelError) -> EncodedFrame {
            for frame in group { try check(frame) }
            return EncodedFrame(
                tokens: (0..<rows * columns).flatMap {
                    [Float(group.count), Float(group[0].pixels[0]), Float($0)]
                })
        }

        func seconds(of group: [VideoFrame]) -> Double {
            group.reduce(0) { $0 + $1.pts.seconds } / Double(group.count)
        }

        func fitted(to video: VideoOutline) throws(TokenReelError) -> any FrameEncoder { PairingEncoder(frame: video) }
        func facts(of grid: GridShape) -> [String: String] { ["fitted": "\(grid.rows)x\(grid.columns)"] }
        func query(from image: VideoFrame) throws(TokenReelError) -> Query {
            try Query(vectors: [1, 0, 0], channels: 3)
        }
    }

    private func frame(_ index: Int, width: Int = 128, height: Int = 96) -> LiveEvent {
        .frame(
            VideoFrame(
                width: width, height: height, pixels: [UInt8](repeating: UInt8(index + 1), count: width * height * 3),
                pts: MediaTime(ticks: Int64(index), timeBase: .one)), arrival: .now)
    }

    private func segments(_ events: [LiveEvent], workers: Int = 1, window: Int = 3) throws -> [CommittedSegment] {
        var pipeline = Pipeline(encoder: PairingEncoder())
        pipeline.method = "evs"
        pipeline.request.budget = .ratio(1)
        pipeline.request.workers = workers
        var segments: [CommittedSegment] = []
        try LiveReduction(pipeline, window: StreamWindow(frames: window)).run(RecordedFrames(events)) {
            if case .segment(let segment) = $0 { segments.append(segment) }
        }
        return segments
    }

    /// The group size and brightness that the first token of each frame tells.
    private func told(_ segments: [CommittedSegment]) -> [[Float]] {
        segments.flatMap { segment in
            (0..<segment.frames.count).map { frame in
                let start = frame * segment.sequence.shape.tokensPerFrame * 3
                return [segment.sequence.tokens[start], segment.sequence.tokens[start + 1]]
            }
        }
    }

    @Test(arguments: [1, 2, 3])
    func framesAreEncodedInGroups(workers: Int) throws {
        let gap = LiveGap(reason: .reset, detail: "gone", since: 4, attempt: 0)
        let segments = try segments(
            (0..<5).map { frame($0) } + [.gap(gap)] + (5..<14).map { frame($0) }, workers: workers)
        // What a group lacks when the stream breaks off or ends is not taken from beyond.
        #expect(told(segments) == [[2, 1], [2, 3], [1, 5], [2, 6], [2, 8], [2, 10], [2, 12], [1, 14]])
        #expect(segments.map(\.frames) == [0..<3, 3..<6, 6..<8])
        #expect(segments.flatMap(\.sequence.frameTimes) == [0.5, 2.5, 4, 5.5, 7.5, 9.5, 11.5, 13])
        #expect(segments.allSatisfy { $0.arrivals.count == $0.frames.count })
    }

    @Test func theGridIsThatOfTheFirstFrame() throws {
        let gap = LiveGap(reason: .reset, detail: "gone", since: 1, attempt: 0)
        let segments = try segments(
            [frame(0), frame(1), .gap(gap), frame(2, width: 320, height: 240), frame(3, width: 320, height: 240)])
        #expect(segments.count == 2)
        for segment in segments {
            #expect(segment.sequence.shape.rows == 3 && segment.sequence.shape.columns == 4)
            #expect(segment.metadata["fitted"] == "3x4")
            #expect(segment.sequence.count == 12)
        }
    }
}
