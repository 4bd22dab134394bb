import Testing
import TokenCore
import TokenReduction

@Suite struct SphericalKMeansTests {
    private func units(_ count: Int, _ channels: Int, around directions: Int, spread: Float, seed: UInt64) -> [Float] {
        var random = RandomNumbers(seed: seed)
        let centres = (0..<directions).map { _ in random.vector(channels) }
        return (0..<count).flatMap { index -> [Float] in
            let token = centres[index % directions].map { $0 + spread * random.signed() }
            let norm = token.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return token.map { $0 / norm }
        }
    }

    private func cluster(_ tokens: [Float], _ channels: Int, codes: Int, weights: [Float]? = nil, steps: Int = 50)
        -> SphericalKMeans
    {
        let seeds = KMeansSeeding.draw(codes, from: TensorBuffer(tokens), channels: channels, weights: weights, seed: 1)
        return SphericalKMeans(
            tokens: TensorBuffer(tokens), channels: channels, weights: weights,
            centroids: TensorBuffer(seeds.flatMap { tokens[$0 * channels..<($0 + 1) * channels] }), maxIterations: steps
        )
    }

    @Test func separatedClustersAreFound() {
        let tokens = units(90, 16, around: 6, spread: 0.1, seed: 4)
        let means = cluster(tokens, 16, codes: 6)
        for index in 0..<90 { #expect(means.labels[index] == means.labels[index % 6]) }
        #expect(Set(means.labels).count == 6)
    }

    @Test func atRestEveryTokenHasItsNearestCentroid() {
        let tokens = units(200, 12, around: 9, spread: 0.9, seed: 5)
        let means = cluster(tokens, 12, codes: 7)
        for token in 0..<200 {
            let cosines = (0..<7).map { code in
                (0..<12).reduce(Float(0)) { $0 + tokens[token * 12 + $1] * means.centroids[code * 12 + $1] }
            }
            #expect(Double(cosines.max() ?? 0) <= Double(cosines[Int(means.labels[token])]) + 1e-5)
        }
    }

    @Test(arguments: [1, 3, 40, 60])
    func noCodeIsDead(_ codes: Int) {
        // Sixty tokens in three places: most codes would starve.
        let tokens = units(60, 5, around: 3, spread: 0, seed: 6)
        #expect(Set(cluster(tokens, 5, codes: codes).labels).count == codes)
    }

    @Test func weightsPullTheCentroid() {
        let tokens: [Float] = [1, 0, 0, 1]
        let means = cluster(tokens, 2, codes: 1, weights: [3, 1])
        #expect(abs(means.centroids[0] / means.centroids[1] - 3) < 1e-5)
    }

    @Test func seedsAreDistinctAndNested() {
        let tokens = TensorBuffer(units(50, 90, around: 4, spread: 0, seed: 7))
        let many = KMeansSeeding.draw(50, from: tokens, channels: 90, weights: nil, seed: 3)
        #expect(Set(many) == Set(0..<50))
        #expect(KMeansSeeding.draw(9, from: tokens, channels: 90, weights: nil, seed: 3) == Array(many.prefix(9)))
        // The first four lie in the four different places.
        #expect(Set(many.prefix(4).map { $0 % 4 }).count == 4)
    }

    @Test func theElbowIsWhereClustersEnd() {
        let sizes = [1, 2, 3, 4, 6, 8, 12, 16]
        #expect(Elbow.bend(sizes: sizes, distortions: [100, 60, 30, 5, 4.5, 4, 3.8, 3.5]) == 4)
        #expect(Elbow.bend(sizes: [1], distortions: [3]) == 1)
        #expect(Elbow.bend(sizes: sizes, distortions: Array(repeating: 2, count: 8)) == 1)
        // A size that did worse by chance is not a bend.
        #expect(Elbow.bend(sizes: sizes, distortions: [100, 60, 30, 5, 9, 4, 3.8, 3.5]) == 4)
    }
}
