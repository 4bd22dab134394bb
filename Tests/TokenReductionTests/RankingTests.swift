import Testing
import TokenReduction

@Suite struct RankingTests {
    @Test(arguments: [0, 1, 2, 3, 7, 12, 100, 256, 997])
    func spreadVisitsEveryPlaceOnce(_ count: Int) {
        #expect(Ranking.spread(count).sorted() == Array(0..<count))
    }

    @Test func anyFirstFewAreSpreadEvenly() {
        let order = Ranking.spread(600)
        for length in [5, 20, 33, 150, 311] {
            let places = order.prefix(length).sorted()
            let gaps = zip(places, places.dropFirst() + [places[0] + 600]).map { $1 - $0 }
            // Golden steps leave three lengths, the longest at most the sum of the others.
            #expect(Set(gaps).count <= 3, "\(length)")
            #expect(Double(gaps.max() ?? 0) <= 2.7 * 600 / Double(length))
        }
    }
}
