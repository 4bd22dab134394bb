import Testing
import TokenReduction

@Suite struct SingleLinkageTests {
    private func cosine(_ values: [Float], _ a: Int, _ b: Int, _ channels: Int) -> Float {
        func dot(_ i: Int, _ j: Int) -> Float {
            (0..<channels).reduce(0) { $0 + values[i * channels + $1] * values[j * channels + $1] }
        }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    /// Components found by walking along all pairs above the threshold.
    private func reference(_ values: [Float], channels: Int, above threshold: Float) -> [[Int]] {
        let n = values.count / channels
        var isSeen = [Bool](repeating: false, count: n)
        return (0..<n).compactMap { start in
            guard !isSeen[start] else { return nil }
            isSeen[start] = true
            var members = [start]
            var next = 0
            while next < members.count {
                for other in 0..<n where !isSeen[other] && cosine(values, members[next], other, channels) > threshold {
                    isSeen[other] = true
                    members.append(other)
                }
                next += 1
            }
            return members.sorted()
        }
    }

    @Test(arguments: 1...12)
    func agreesWithWalkingAtEveryThreshold(_ seed: Int) {
        var random = RandomNumbers(seed: UInt64(seed))
        let n = 2 + random.below(40)
        let channels = 2 + random.below(4)
        let values = random.vector(n * channels)
        let linkage = values.withUnsafeBufferPointer { SingleLinkage($0, channels: channels) }
        #expect(linkage.edges.count == n - 1)
        #expect(zip(linkage.edges, linkage.edges.dropFirst()).allSatisfy { $0.cosine >= $1.cosine })
        for threshold: Float in [-0.5, 0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99] {
            let expected = reference(values, channels: channels, above: threshold)
            let found = linkage.components(linking: linkage.edges(above: threshold), threshold: threshold)
            #expect(Set(found.map(\.members)) == Set(expected))
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.hub < $1.hub })
            for component in found {
                func degree(_ token: Int) -> Int {
                    (0..<n).count { cosine(values, token, $0, channels) > threshold || $0 == token }
                }
                #expect(component.members.allSatisfy { degree($0) <= degree(component.hub) })
            }
        }
        for edges in 0..<n {
            #expect(linkage.components(linking: edges, threshold: 0.5).count == n - edges)
        }
    }

    @Test func zeroVectorsAreLikeNothing() {
        let values: [Float] = [0, 0, 1, 0, 2, 0, 0, 0]
        let linkage = values.withUnsafeBufferPointer { SingleLinkage($0, channels: 2) }
        let found = linkage.components(linking: linkage.edges(above: 0.5), threshold: 0.5)
        #expect(found.map(\.members) == [[0], [1, 2], [3]])
    }
}
