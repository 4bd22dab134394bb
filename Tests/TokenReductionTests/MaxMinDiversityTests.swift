import Testing
import TokenReduction

@Suite struct MaxMinDiversityTests {
    /// Five points on a line.
    private let places: [Float] = [0, 1, 4, 9, 10]
    private var distances: [Float] { places.flatMap { a in places.map { abs(a - $0) } } }

    @Test func takesTheMostIsolatedAndThenTheFarthestFromAllTaken() {
        // 4 is three away from its nearest; then 10 is six away from it, and 0 four.
        #expect(
            MaxMinDiversity.choose(3, distances: distances, weights: [1, 1, 1, 1, 1]) == [2, 4, 0])
        #expect(Set(MaxMinDiversity.choose(9, distances: distances, weights: [1, 1, 1, 1, 1])) == Set(0..<5))
        #expect(MaxMinDiversity.choose(0, distances: distances, weights: [1, 1, 1, 1, 1]).isEmpty)
    }

    @Test func weightsDecideBetweenPlaces() {
        // 1 away and worth ten beats three away and worth one.
        #expect(MaxMinDiversity.choose(2, distances: distances, weights: [1, 1, 1, 10, 1]) == [3, 0])
    }

    @Test func aTokenOfNegativeWeightCanTakeATurnAgainWhereThatIsAsked() {
        let weights: [Float] = [-1, -1, -1, -1, -1]
        #expect(MaxMinDiversity.choose(5, distances: distances, weights: weights).count == 5)
        let repeated = MaxMinDiversity.choose(5, distances: distances, weights: weights, repeats: true)
        #expect(repeated.count < 5)
        #expect(Set(repeated).count == repeated.count)
    }

    @Test func equalTokensComeByIndex() {
        let none = [Float](repeating: 0, count: 16)
        #expect(MaxMinDiversity.choose(3, distances: none, weights: [1, 1, 1, 1]) == [0, 1, 2])
    }
}
