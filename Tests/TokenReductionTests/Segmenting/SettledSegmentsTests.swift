import Testing
import TokenCore
import TokenReduction

/// What the redundancy segmenter calls settled is what every continuation has in common.
@Suite struct SettledSegmentsTests {
    private func segmenter(window: Int = 1024) -> RedundancySegmenter {
        RedundancySegmenter(ParameterValues(["tau": 0.8, "max-window": Double(window)]))
    }

    private func random(
        _ frames: Int, _ cells: Int, _ random: inout RandomNumbers, staying: Float
    ) -> TemporalSimilarity {
        TemporalSimilarity(
            frames: frames, cells: cells,
            values: (0..<max(frames - 1, 0) * cells).map { _ in random.unit() < staying ? 0.9 : 0.5 })
    }

    private func extended(_ prefix: TemporalSimilarity, by values: [Float]) -> TemporalSimilarity {
        TemporalSimilarity(
            frames: prefix.frames + values.count / prefix.cells, cells: prefix.cells, values: prefix.values + values)
    }

    @Test(arguments: [Float(0.3), 0.6, 0.8, 0.95])
    func noRandomContinuationChangesThem(staying: Float) {
        var numbers = RandomNumbers(seed: 21)
        for _ in 0..<250 {
            let segmenter = segmenter(window: 1 + numbers.below(14))
            let prefix = random(1 + numbers.below(14), 1 + numbers.below(6), &numbers, staying: staying)
            let settled = segmenter.settledSegments(of: prefix)
            for _ in 0..<12 {
                let rate = numbers.unit()
                let more = (0..<numbers.below(16) * prefix.cells).map { _ -> Float in
                    numbers.unit() < rate ? 0.9 : 0.5
                }
                let segments = segmenter.segments(of: extended(prefix, by: more))
                #expect(Array(segments.prefix(settled.count)) == settled)
            }
        }
    }

    /// With one or two cells all continuations of a few frames can be tried; what they share is settled, and little
    /// more.
    @Test func theyAreNearlyAllThatAllContinuationsShare() {
        var numbers = RandomNumbers(seed: 22)
        var (settledFrames, sharedFrames) = (0, 0)
        for _ in 0..<60 {
            let cells = 1 + numbers.below(2)
            let prefix = random(2 + numbers.below(9), cells, &numbers, staying: 0.7)
            let segmenter = segmenter()
            var shared = segmenter.segments(of: prefix)
            let settled = segmenter.settledSegments(of: prefix)
            // As long as the prefix, so that any of its starts can pay.
            let length = min(prefix.frames, cells == 1 ? 8 : 4)
            for pattern in 0..<(1 << (length * cells)) {
                let more = (0..<length * cells).map { pattern >> $0 & 1 == 1 ? Float(0.9) : 0.5 }
                let segments = segmenter.segments(of: extended(prefix, by: more))
                shared = zip(shared, segments).prefix { $0 == $1 }.map { $0.0 }
            }
            #expect(shared.starts(with: settled))
            settledFrames += settled.last?.end ?? 0
            sharedFrames += shared.last?.end ?? 0
        }
        #expect(settledFrames * 10 >= sharedFrames * 8, "\(settledFrames) of \(sharedFrames)")
    }

    @Test func aChangeOfSceneSettlesWhatCameBefore() {
        // Two cells: a scene of three frames, a cut, and two frames of the next.
        let similarity = TemporalSimilarity(frames: 5, cells: 2, values: [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9])
        #expect(segmenter().settledSegments(of: similarity) == [Segment(start: 0, end: 3)])
        let still = TemporalSimilarity(frames: 3, cells: 2, values: [0.9, 0.9, 0.9, 0.9])
        #expect(segmenter().settledSegments(of: still).isEmpty)
        #expect(segmenter().settledSegments(of: TemporalSimilarity(frames: 0, cells: 2, values: [])).isEmpty)
    }
}
