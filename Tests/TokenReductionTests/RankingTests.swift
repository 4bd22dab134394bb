import Testing
import TokenReduction

@Suite struct RankingTests {
    @Test(arguments: [0, 1, 2, 3, 7, 12, 100, 256, 997])
    func spreadVisitsEveryPlaceOnce(_ count: Int) {
        #expect(Ranking.spread(count).sorted() == Array(0..<count))
    }

    @Test func anyFirstFewAreSpreadEvenly() {
        for count in [359, 600, 15_680] {
            let order = Ranking.spread(count)
            for length in [5, 20, 80, 150, 311] {
                let places = order.prefix(length).sorted()
                let gaps = zip(places, places.dropFirst()).map { $1 - $0 }
                #expect(Set(gaps).count <= 3, "\(length) of \(count)")
                #expect(Double(gaps.max() ?? 0) <= 2.7 * Double(count) / Double(length), "\(length) of \(count)")
            }
        }
    }
}
