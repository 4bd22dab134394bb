import Testing
import TokenReduction

@Suite struct ApportionmentTests {
    @Test func theTextbookCase() {
        // Quotas 2.4, 1.6, 1.0 of 5: the largest remainder gets the last one.
        #expect(Apportionment.share(5, among: [24, 16, 10], capacities: [9, 9, 9]) == [2, 2, 1])
        #expect(Apportionment.share(3, among: [1, 1, 1, 1], capacities: [9, 9, 9, 9]) == [1, 1, 1, 0])
    }

    @Test func whatAFullGroupCannotTakeGoesToTheOthers() {
        #expect(Apportionment.share(10, among: [98, 1, 1], capacities: [4, 5, 5]) == [4, 3, 3])
        #expect(Apportionment.share(4, among: [0, 1, 0], capacities: [5, 2, 5]) == [1, 2, 1])
        #expect(Apportionment.share(99, among: [1, 2], capacities: [3, 4]) == [3, 4])
    }

    @Test func theSumIsExactAndQuotasAreKept() {
        var random = RandomNumbers(seed: 21)
        for _ in 0..<2000 {
            let groups = 1 + random.below(12)
            let weights = (0..<groups).map { _ in random.unit() < 0.2 ? 0 : Double(random.unit()) }
            let capacities = (0..<groups).map { _ in random.below(20) }
            let total = random.below(120)
            let parts = Apportionment.share(total, among: weights, capacities: capacities)
            #expect(parts.reduce(0, +) == min(total, capacities.reduce(0, +)))
            #expect(zip(parts, capacities).allSatisfy { $0 >= 0 && $0 <= $1 })
            let sum = weights.reduce(0, +)
            let isRoomy = zip(weights, capacities).allSatisfy { Double($1) >= Double(total) * $0 / max(sum, 1e-9) + 1 }
            if sum > 0, isRoomy {
                for (part, weight) in zip(parts, weights) {
                    #expect(abs(Double(part) - Double(total) * weight / sum) < 1)
                }
            }
        }
    }
}
