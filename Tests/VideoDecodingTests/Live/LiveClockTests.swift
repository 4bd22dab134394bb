import Testing
import VideoDecoding

/// Times without pictures: what the clock makes of timestamps and arrivals.
@Suite struct LiveClockTests {
    private let begin = ContinuousClock.now

    /// Times of pictures 40 ms apart that arrive as they are taken.
    private func times(
        _ stamps: [Int64?], _ kind: LiveClock.Stamps, arrivals: [Double]? = nil
    ) -> [Int64] {
        var clock = LiveClock(ticksPerSecond: 1000)
        clock.connect(kind, interval: 33)
        var times: [Int64] = []
        for (index, stamp) in stamps.enumerated() {
            let arrival = begin + .seconds(arrivals?[index] ?? Double(index) * 0.04)
            if let (settled, _) = clock.advance(to: stamp, arrival: arrival) { times.append(settled) }
        }
        return times + [clock.finish()].compactMap { $0 }
    }

    @Test(arguments: [LiveClock.Stamps.alone, .besideArrival])
    func soundStampsKeepTheirDistances(kind: LiveClock.Stamps) {
        #expect(times([700, 740, 790, 800, 1700], kind) == [0, 40, 90, 100, 1000])
        #expect(times([-300, -260, 0], kind) == [0, 40, 300])
        #expect(times([5], kind) == [0] && times([], kind) == [])
    }

    @Test(arguments: [LiveClock.Stamps.alone, .besideArrival])
    func oneThatIsWrongLiesBetweenItsNeighbours(kind: LiveClock.Stamps) {
        let truth: [Int64] = (0..<12).map { $0 * 40 }
        for wrong: Int64? in [nil, 240, 200, 0, -5000, 3000, 3_600_000, .max, .min] {
            var stamps: [Int64?] = truth
            stamps[7] = wrong
            #expect(times(stamps, kind) == truth, "\(String(describing: wrong))")
        }
    }

    @Test(arguments: [LiveClock.Stamps.alone, .besideArrival])
    func aClockThatJumpsBackRunsOn(kind: LiveClock.Stamps) {
        let truth: [Int64] = (0..<20).map { $0 * 40 }
        for jump: Int64 in [40, 80, 500, 100_000] {
            #expect(times(truth.map { $0 >= 400 ? $0 - jump : $0 }, kind) == truth, "\(jump)")
            // And is believed again when it returns.
            let returns = truth.map { 400...560 ~= $0 ? $0 - jump : $0 }
            #expect(times(returns, kind) == truth, "\(jump)")
        }
    }

    @Test func aJumpAheadNeedsTheArrivalsConsent() {
        let truth: [Int64] = (0..<20).map { $0 * 40 }
        let jumped = truth.map { $0 >= 400 ? $0 + 60_000 : $0 }
        #expect(times(jumped, .besideArrival) == truth)
        #expect(times(jumped, .alone) == jumped)
        // A minute of silence is a minute.
        let silent = (0..<20).map { Double($0) * 0.04 + ($0 >= 10 ? 60 : 0) }
        #expect(times(jumped, .besideArrival, arrivals: silent) == jumped)
        // Also where the clock starts anew after it.
        let restarted = truth.map { $0 >= 400 ? $0 - 400 : $0 }
        let restart = times(restarted, .besideArrival, arrivals: silent)[10]
        #expect(restart == 60_400)
    }

    @Test func withoutStampsArrivalDecides() {
        let arrivals = [0, 0.1, 0.1, 0.35, 2]
        #expect(times([0, 40, 80, 120, 160], .absent, arrivals: arrivals) == [0, 100, 101, 350, 2000])
    }

    @Test func connectionsRunOnByTheWall() {
        var clock = LiveClock(ticksPerSecond: 1000)
        var times: [Int64] = []
        for connection in 0..<3 {
            clock.connect(.besideArrival, interval: 40)
            for number in 0..<5 {
                let arrival = begin + .seconds(Double(connection) * 30 + Double(number) * 0.04)
                if let (settled, _) = clock.advance(to: Int64(number) * 40 + 77, arrival: arrival) {
                    times.append(settled)
                }
            }
            clock.finish().map { times.append($0) }
        }
        let expected: [Int64] = [0, 40, 80, 120, 160, 30_000, 30_040, 30_080, 30_120, 30_160]
        #expect(Array(times.prefix(10)) == expected && times.suffix(5).first == 60_000)
    }

    /// Whatever comes, times rise and nothing overflows.
    @Test func nonsenseRises() {
        var generator = SystemRandomNumberGenerator()
        for kind in [LiveClock.Stamps.alone, .besideArrival, .absent] {
            let stamps = (0..<5000).map { _ -> Int64? in
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: nil
                case 1: Int64.random(in: .min ... .max, using: &generator)
                case 2: Int64.random(in: -1 << 60...1 << 60, using: &generator)
                default: Int64.random(in: 0...1000, using: &generator)
                }
            }
            let times = times(stamps, kind)
            #expect(times.count == 5000 && zip(times, times.dropFirst()).allSatisfy(<))
        }
    }
}
