import Testing
import TokenCore
import TokenReduction

@Suite struct NearestRowsTests {
    private let channels = 64

    /// Tokens that differ in a few channels, over noise in all.
    private func tokens(_ count: Int, seed: UInt64) -> [Float] {
        var random = RandomNumbers(seed: seed)
        return (0..<count).flatMap { _ in
            (0..<channels).map { ($0 % 8 == 3 ? 2 : 0.1) * random.signed() }
        }
    }

    private func nearest(_ tokens: [Float], _ keys: [Float], share: Double) -> [Int] {
        let search = NearestRows(
            keys: TensorBuffer(keys), channels: channels, share: share, samples: TensorBuffer(tokens), workers: 1)
        return tokens.withUnsafeBufferPointer { search.nearest(to: $0).map(\.key) }
    }

    private func bruteForce(_ tokens: [Float], _ keys: [Float]) -> [Int] {
        func row(_ values: [Float], _ index: Int) -> ArraySlice<Float> {
            values[index * channels..<(index + 1) * channels]
        }
        func cosine(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
            let dot = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let squares = [a, b].map { $0.reduce(0.0) { $0 + Double($1) * Double($1) } }
            return dot / (squares[0] * squares[1]).squareRoot()
        }
        return (0..<tokens.count / channels).map { token in
            let cosines = (0..<keys.count / channels).map { cosine(row(tokens, token), row(keys, $0)) }
            return cosines.indices.reduce(0) { cosines[$1] > cosines[$0] ? $1 : $0 }
        }
    }

    @Test func allChannelsFindTheNearest() {
        let (some, keys) = (tokens(90, seed: 1), tokens(40, seed: 2))
        #expect(nearest(some, keys, share: 1) == bruteForce(some, keys))
    }

    @Test func theChannelsThatTellFindItToo() {
        // An eighth of the channels carries nearly all there is to compare, and calibration finds them.
        let (some, keys) = (tokens(300, seed: 3), tokens(40, seed: 4))
        #expect(nearest(some, keys, share: 0.125) == bruteForce(some, keys))
        // One channel finds less.
        #expect(nearest(some, keys, share: 0.02) != bruteForce(some, keys))
    }
}
