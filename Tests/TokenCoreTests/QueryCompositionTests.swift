import Testing
import TokenCore

@Suite struct QueryCompositionTests {
    @Test func wordsAreMeansAndPhrasesNormalisedSums() throws {
        let query = try Query(vectors: [1, 0, 3, 0, 0, 4, 5, 5], channels: 2)
        let words = try query.composed(words: [0, 0, 1, 2])
        let half = Float(0.5).squareRoot()
        #expect(words.vectors == [1, 0, 0, 1, 5 / Float(50).squareRoot(), 5 / Float(50).squareRoot()])
        #expect(abs(words.vectors[4] - half) < 1e-6)
        // The first word (2, 0) and the second (0, 4) make one phrase.
        let phrases = try query.composed(words: [0, 0, 1, 2], phrases: [0, 0, 1])
        #expect(phrases.count == 2)
        #expect(abs(phrases.vectors[0] - 2 / Float(20).squareRoot()) < 1e-6)
        #expect(abs(phrases.vectors[1] - 4 / Float(20).squareRoot()) < 1e-6)
    }

    @Test(arguments: [[0, 0], [0, 2, 1, 3, 3], [0, 1, 3, 3], [-1, 0, 1, 2]])
    func groupsThatLeaveGapsAreRefused(words: [Int]) throws {
        let query = try Query(vectors: [1, 0, 3, 0, 0, 4, 5, 5], channels: 2)
        #expect(throws: TokenReelError.self) { try query.composed(words: words) }
    }
}
