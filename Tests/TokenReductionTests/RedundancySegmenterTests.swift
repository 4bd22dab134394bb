import Testing
import TokenCore
import TokenReduction

@Suite struct RedundancySegmenterTests {
    private func segments(
        _ values: [Float], frames: Int, cells: Int, tau: Double = 0.8, window: Double = 1024
    ) -> [Segment] {
        RedundancySegmenter(ParameterValues(["tau": tau, "max-window": window]))
            .segments(of: TemporalSimilarity(frames: frames, cells: cells, values: values))
    }

    private func gain(_ segment: Segment, _ similarity: TemporalSimilarity, tau: Float) -> Int {
        similarity.staticCells(in: segment, above: tau).count * (segment.count - 1)
    }

    /// All ways to cut `frames` frames, as lists of segments.
    private func partitions(_ frames: Int) -> [[Segment]] {
        (0..<(1 << max(frames - 1, 0))).map { cuts in
            var segments: [Segment] = []
            var start = 0
            for frame in 1...frames where frame == frames || cuts >> (frame - 1) & 1 == 1 {
                segments.append(Segment(start: start, end: frame))
                start = frame
            }
            return segments
        }
    }

    @Test func theReferencesOwnExamples() {
        #expect(
            segments(
                [0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9], frames: 5, cells: 4)
                == [Segment(start: 0, end: 2), Segment(start: 2, end: 5)])
        #expect(
            segments([0.9, 0.1, 0.9], frames: 4, cells: 1) == [Segment(start: 0, end: 2), Segment(start: 2, end: 4)])
        // Equal to the threshold is not above it.
        #expect(segments([0.8, 0.8], frames: 3, cells: 1).count == 3)
    }

    @Test func noCutOfTimeSavesMore() {
        var random = RandomNumbers(seed: 11)
        for _ in 0..<300 {
            let frames = 1 + random.below(9)
            let cells = 1 + random.below(6)
            let window = 1 + random.below(10)
            let similarity = TemporalSimilarity(
                frames: frames, cells: cells,
                values: (0..<(frames - 1) * cells).map { _ in random.unit() < 0.7 ? 0.9 : 0.5 })
            let found = segments(similarity.values, frames: frames, cells: cells, window: Double(window))
            let allowed = partitions(frames).filter { $0.allSatisfy { $0.count <= window } }
            let best = allowed.map { $0.reduce(0) { $0 + gain($1, similarity, tau: 0.8) } }.max()
            #expect(found.reduce(0) { $0 + gain($1, similarity, tau: 0.8) } == best)
            #expect(allowed.contains(found))
        }
    }

    /// The reference's recurrence, with all its ties: singleton first, then the shortest last segment.
    @Test func tiesFallAsInTheReference() {
        var random = RandomNumbers(seed: 12)
        for _ in 0..<300 {
            let frames = 1 + random.below(12)
            let cells = 1 + random.below(4)
            let similarity = TemporalSimilarity(
                frames: frames, cells: cells,
                values: (0..<(frames - 1) * cells).map { _ in random.unit() < 0.8 ? 0.9 : 0.5 })
            var best = [Int](repeating: 0, count: frames)
            var start = Array(0..<frames)
            for end in 0..<frames {
                best[end] = end > 0 ? best[end - 1] : 0
                for first in stride(from: end - 1, through: 0, by: -1) {
                    let total =
                        (first > 0 ? best[first - 1] : 0)
                        + gain(Segment(start: first, end: end + 1), similarity, tau: 0.8)
                    if total > best[end] { (best[end], start[end]) = (total, first) }
                }
            }
            var expected: [Segment] = []
            var end = frames
            while end > 0 {
                expected.insert(Segment(start: start[end - 1], end: end), at: 0)
                end = start[end - 1]
            }
            #expect(segments(similarity.values, frames: frames, cells: cells) == expected)
        }
    }
}
