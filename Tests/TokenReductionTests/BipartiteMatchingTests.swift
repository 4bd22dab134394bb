import Testing
import TokenCore
import TokenReduction

@Suite struct BipartiteMatchingTests {
    private func cosine(_ values: [Float], _ i: Int, _ j: Int, _ channels: Int) -> Double {
        func dot(_ i: Int, _ j: Int) -> Double {
            (0..<channels).reduce(0) { $0 + Double(values[i * channels + $1]) * Double(values[j * channels + $1]) }
        }
        let scale = (dot(i, i) * dot(j, j)).squareRoot()
        return scale > 0 ? dot(i, j) / scale : 0
    }

    /// Sizes on both sides of a block of sources and of destinations, and rows at equal and unequal distances.
    @Test(arguments: [(7, 6, 3), (600, 300, 300), (9000, 8, 4500)], [true, false])
    func findsTheMostAlike(_ sizes: (tokens: Int, sources: Int, destinations: Int), isEven: Bool) {
        var random = RandomNumbers(seed: UInt64(sizes.tokens))
        let channels = 5
        let values = random.vector(sizes.tokens * channels)
        var partition = Bipartition.alternating(sizes.tokens)
        partition.sources = Array(partition.sources.prefix(sizes.sources))
        if !isEven {
            partition.sources.reverse()
            partition.destinations.swapAt(0, partition.destinations.count - 1)
        }
        let rows = TokenRows(TensorBuffer(values), channels: channels)
        let found = BipartiteMatching(partition, of: rows, workers: 2)
        #expect(found.nearest.count == partition.sources.count)
        for (place, source) in partition.sources.enumerated() {
            let best = partition.destinations.map { cosine(values, source, $0, channels) }.max() ?? 0
            let destination = partition.destinations[found.nearest[place]]
            #expect(abs(cosine(values, source, destination, channels) - best) < 1e-6)
            #expect(abs(Double(found.similarity[place]) - best) < 1e-6)
        }
    }

    /// Enough comparisons that processors with bf16 screen them first: with a few that can be the best, and with tokens
    /// so alike that all of them can.
    @Test(arguments: [Float(1), 0.01])
    func screeningMissesNothing(_ spread: Float) {
        var random = RandomNumbers(seed: 77)
        let channels = 24
        let common = random.vector(channels)
        let values = (0..<4400).flatMap { _ in common.map { $0 + spread * random.signed() } }
        var partition = Bipartition.alternating(4400)
        partition.sources = Array(partition.sources.prefix(1100))
        let found = BipartiteMatching(partition, of: TokenRows(TensorBuffer(values), channels: channels))
        for (place, source) in partition.sources.enumerated() where place.isMultiple(of: 10) {
            let best = partition.destinations.map { cosine(values, source, $0, channels) }.max() ?? 0
            #expect(abs(Double(found.similarity[place]) - best) < 1e-6)
            let destination = partition.destinations[found.nearest[place]]
            #expect(abs(cosine(values, source, destination, channels) - best) < 1e-6)
        }
    }

    @Test func tiesGoToTheFirstAndZeroVectorsAreLikeNothing() {
        // Sources 0 and 2, destinations 1 and 3; the last two tokens are source 4 (zero) and destination 5.
        let values: [Float] = [1, 0, 2, 0, 0, 1, 4, 0, 0, 0, 0, 0]
        let rows = TokenRows(TensorBuffer(values), channels: 2)
        let found = BipartiteMatching(.alternating(6), of: rows)
        #expect(found.nearest == [0, 0, 0])
        #expect(found.similarity == [1, 0, 0])
        #expect(found.ranking == [0, 1, 2])
        #expect(BipartiteMatching(.alternating(1), of: TokenRows(TensorBuffer([1, 2]), channels: 2)).nearest.isEmpty)
    }

    @Test func averagesCountTokensBySizeOrOnce() {
        let values: [Float] = [1, 0, 1, 0.1, 0, 1, 0.1, 1, 1, 0.2]
        let found = BipartiteMatching(.alternating(5), of: TokenRows(TensorBuffer(values), channels: 2))
        let bySize = found.plan(of: 5, joining: [0, 2], sizes: [3, 1, 1, 1, 4], leading: [2])
        #expect(bySize.anchors == [2, 1, 3])
        #expect(bySize.row(1).sources == [0, 1, 4])
        #expect(bySize.row(1).weights == [0.375, 0.125, 0.5])
        let once = found.plan(of: 5, joining: [0], sizes: nil, leading: [], trailing: [2, 4])
        #expect(once.anchors == [1, 3, 2, 4])
        #expect(once.row(0).weights == [0.5, 0.5])
    }
}
