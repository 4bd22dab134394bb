import Testing
import VideoDecoding

@Suite struct BackoffTests {
    @Test func waitsDoubleWithinTheirRange() {
        var backoff = Backoff(1...30, seed: 7)
        let waits = (0..<200).map { backoff.seconds(afterFailures: $0 % 70) }
        #expect(waits.allSatisfy { (1...30).contains($0) })
        #expect(waits[0] == 1 && waits[1] <= 2 && waits[2] <= 4 && waits[2] >= 2 && waits[5] >= 15 && waits[69] >= 15)
        #expect(Set(waits.suffix(60)).count > 50)
    }

    @Test func theSeedDecides() {
        func waits(_ seed: UInt64) -> [Double] {
            var backoff = Backoff(0.5...60, seed: seed)
            return (1..<20).map { backoff.seconds(afterFailures: $0) }
        }
        #expect(waits(1) == waits(1) && waits(1) != waits(2))
    }
}
