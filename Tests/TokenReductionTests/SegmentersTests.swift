import Testing
import TokenCore
import TokenReduction

@Suite struct TransitionSegmenterTests {
    private func bounds(_ smoothness: [Float], _ threshold: Float, _ fewest: Int) -> [Int] {
        let segments = TransitionSegmenter.segments(of: smoothness, below: threshold, fewest: fewest)
        #expect(segments.first?.start == 0)
        #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.end == $1.start })
        return segments.map(\.end)
    }

    @Test func cutsBelowTheThresholdAndAtTheLowestUntilThereAreEnough() {
        let smoothness: [Float] = [0.99, 0.2, 0.95, 0.91, 0.8, 0.97]
        #expect(bounds(smoothness, 0.9, 1) == [2, 5, 7])
        #expect(bounds(smoothness, 0.9, 2) == [2, 5, 7])
        #expect(bounds(smoothness, 0.9, 4) == [2, 4, 5, 7])
        #expect(bounds(smoothness, -1, 1) == [7])
        #expect(bounds(smoothness, -1, 100) == [1, 2, 3, 4, 5, 6, 7])
        #expect(bounds([], 0.9, 8) == [1])
    }

    @Test func ofEqualTransitionsTheEarlierIsCut() {
        #expect(bounds([0.95, 0.95, 0.95], 0.9, 2) == [1, 4])
        // A transition at the threshold is smooth.
        #expect(bounds([0.9, 0.9], 0.9, 1) == [3])
    }
}

@Suite struct FrameClusterSegmenterTests {
    private func bounds(_ labels: [Int]) -> [Int] { FrameClusterSegmenter.contiguous(labels).map(\.end) }

    @Test func runsThatAreNotTheirClustersLongestGoToTheLongerNeighbour() {
        #expect(bounds([0, 0, 1, 1, 1]) == [2, 5])
        // The second run of cluster 0 is shorter than its first, and lies next to the longer run of cluster 1.
        #expect(bounds([0, 0, 0, 1, 1, 1, 1, 0, 0]) == [3, 9])
        // Frame 3 lies between runs of three and of two frames.
        #expect(bounds([0, 0, 0, 2, 1, 1]) == [4, 6])
        #expect(bounds([0, 0, 2, 1, 1, 1]) == [2, 6])
        // The earlier run has grown to three by frame 0.
        #expect(bounds([9, 1, 1, 4, 2, 2, 2]) == [4, 7])
        // Of equals the earlier.
        #expect(bounds([0, 0, 2, 1, 1]) == [3, 5])
    }

    @Test func whatComesBeforeTheFirstRunJoinsIt() {
        #expect(bounds([2, 3, 0, 0, 1, 1]) == [4, 6])
        #expect(bounds([0, 1, 0, 1]) == [4])
        #expect(bounds([5]) == [1])
        // Two longest runs of one cluster with nothing else between them are one segment.
        #expect(bounds([0, 0, 1, 0, 0]) == [5])
    }
}
