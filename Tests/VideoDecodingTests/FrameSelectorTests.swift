import Testing
import TokenCore
import VideoDecoding

/// Times in milliseconds, so that a tick is 0.001 s.
@Suite struct FrameSelectorTests {
    private func choose(
        _ sampling: FrameSampling, _ times: [Int64], start: Double? = nil, end: Double? = nil, duration: Int64 = 0
    ) -> [Int] {
        FrameSelector.choose(
            sampling, start: start, end: end, times: times, isKey: { $0 % 5 == 0 }, duration: duration,
            secondsPerTick: 0.001)
    }

    /// The definition, word for word: for each target the last frame that began by then, each once.
    private func definition(
        rate: Double, _ times: [Int64], start: Double, end: Double, duration: Int64
    ) -> [Int] {
        var chosen: [Int] = []
        let relative = times.map { Double($0 - times[0]) / 1000 }
        let videoEnd = relative[relative.count - 1] + Double(duration) / 1000
        for step in 0... {
            let moment = start + Double(step) / rate
            if moment >= end { break }
            // The last frame is on screen for its duration, and at its own time even without one.
            if moment > relative[relative.count - 1] + 0.00051, moment >= videoEnd - 0.00051 { break }
            guard let index = relative.lastIndex(where: { $0 <= moment + 0.0005 }) else { continue }
            if chosen.last != index { chosen.append(index) }
        }
        return chosen
    }

    @Test func spreadsCountFramesOfTheRange() {
        // Twenty frames a tenth of a second apart, then as many at half the rate: indices, not times.
        let times = (0..<20).map { 100 * Int64($0) } + (0..<20).map { 2000 + 200 * Int64($0) }
        let ends = FrameSpread(.count(4), bounds: 1...9, multiple: 1, .endToEnd)
        #expect(choose(.spread(ends), times, duration: 200) == [0, 13, 26, 39])
        let starts = FrameSpread(.count(4), bounds: 1...9, multiple: 2, .partStarts)
        #expect(choose(.spread(starts), times, duration: 200) == [0, 10, 20, 30])
        #expect(choose(.spread(starts), times, start: 1, end: 3, duration: 200) == [10, 13, 17, 21])
        // 40 frames in 6 seconds, of which 2 a second are 12, but no more than 9.
        let rate = FrameSpread(.rate(2), bounds: 1...9, multiple: 1, .partStarts)
        #expect(choose(.spread(rate), times, duration: 200).count == 9)
        #expect(choose(.spread(rate), [5], duration: 200) == [0])
        #expect(choose(.spread(rate), []) == [])
    }

    @Test(arguments: 0..<60)
    func rateFollowsItsDefinition(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let count = Int.random(in: 1...60, using: &random)
        var time = Int64.random(in: -5000...5000, using: &random)
        let times = (0..<count).map { _ in
            time += Int64.random(in: 1...(seed % 3 == 0 ? 40 : 900), using: &random)
            return time
        }
        let duration = Int64.random(in: 0...2000, using: &random)
        // Odd rates keep targets off the rounding slack, where the definition itself is a matter of taste.
        for rate in [0.317, 1.0007, 2.9983, 23.7, 119.3] {
            let start = seed.isMultiple(of: 2) ? 0 : 1.23457
            let end = seed.isMultiple(of: 4) ? Double.infinity : 7.65432
            #expect(
                choose(.rate(rate), times, start: start, end: end.isFinite ? end : nil, duration: duration)
                    == definition(rate: rate, times, start: start, end: end, duration: duration),
                "rate \(rate), \(times), \(duration)")
        }
    }

    @Test func oneFrameASecondOfOrdinaryVideo() {
        // 29.97 frames a second rounded to milliseconds, as Matroska stores it.
        let times = (0..<300).map { Int64((Double($0) * 1001 / 30).rounded()) }
        #expect(choose(.rate(1), times) == [0, 29, 59, 89, 119, 149, 179, 209, 239, 269])
        #expect(choose(.rate(30), (0..<90).map { Int64((Double($0) * 1000 / 30).rounded()) }).count == 90)
    }

    @Test func countSpreadsEvenlyAndGivesAsManyAsItSays() {
        let times = (0..<100).map { Int64($0) * 40 }
        #expect(choose(.count(4), times, duration: 40) == [12, 37, 62, 87])
        #expect(choose(.count(100), times, duration: 40) == Array(0..<100))
        #expect(choose(.count(1000), times, duration: 40) == Array(0..<100))
        #expect(choose(.count(2), times, start: 1, end: 2, duration: 40) == [31, 43])
        // A burst and a long still: every part of the still wants the same frame, so neighbours step in.
        let burst = (0..<10).map { Int64($0) * 10 } + [10_000]
        #expect(choose(.count(5), burst, duration: 40).count == 5)
        #expect(Set(choose(.count(5), burst, duration: 40)).count == 5)
    }

    @Test(arguments: 1..<40)
    func countIsAscendingAndInRange(count: Int) {
        var random = SplitMix(state: UInt64(count))
        var time: Int64 = 0
        let times = (0..<37).map { _ in
            time += Int64.random(in: 1...500, using: &random)
            return time
        }
        let chosen = choose(.count(count), times, duration: 33)
        #expect(chosen.count == min(count, 37))
        #expect(zip(chosen, chosen.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func rangesAndKeyFrames() {
        let times = (0..<20).map { 7000 + Int64($0) * 100 }
        #expect(choose(.all, times, start: 0.5, end: 0.8) == [5, 6, 7])
        #expect(choose(.keyframes, times, start: 0.1) == [5, 10, 15])
        #expect(choose(.rate(1), times, start: 5) == [])
        #expect(choose(.count(3), times, start: 5, end: 6).isEmpty)
        #expect(choose(.rate(1), []) == [])
    }

    /// Targets beyond what a double can count are not taken, but nothing overflows or runs for ever.
    @Test func absurdTimesEndAtOnce() {
        let times: [Int64] = [.min / 2, 0, .max / 2]
        #expect(choose(.all, times).count == 3)
        #expect(choose(.rate(1000), times).first == 0)
        #expect(choose(.rate(0.001), [0, 1 << 40], duration: 2_000_000) == [0, 1])
        #expect(choose(.count(2), times).count == 2)
        #expect(choose(.rate(1000), [0, .max], duration: .max).first == 0)
    }
}

/// A small generator with a stated seed, so that every run sees the same cases.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
