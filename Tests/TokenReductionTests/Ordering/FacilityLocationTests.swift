import Testing
import TokenCore
import TokenReduction

@Suite struct FacilityLocationTests {
    private func choices(_ values: [[Float]], floor: Float = 0) -> [(candidate: Int, gain: Float)] {
        var location = FacilityLocation(TensorBuffer(values.flatMap(\.self)), candidates: values.count, floor: floor)
        var choices: [(candidate: Int, gain: Float)] = []
        while let next = location.next() { choices.append(next) }
        return choices
    }

    /// The second candidate is the best alone, but after it the third adds more than the first.
    @Test func takesWhatAddsMostToThoseTaken() {
        let choices = choices([[0.75, 0.5, 0], [1, 0.75, 0], [0, 0, 1]])
        #expect(choices.map(\.candidate) == [1, 2, 0])
        #expect(choices.map(\.gain) == [1.75, 1, 0])
    }

    @Test func countsFromTheFloorAndTakesTheLowerOfEquals() {
        let values: [[Float]] = [[0.5, -0.5], [0.5, -0.5], [-0.5, 0.25]]
        #expect(choices(values, floor: -1).map(\.gain) == [2, 0.75, 0])
        #expect(choices(values, floor: -1).map(\.candidate) == [0, 2, 1])
    }

    @Test func everyStepIsTheGreedyOne() {
        var random = SplitMix64(state: 4)
        let values = (0..<20).map { _ in (0..<37).map { _ in Float(random.unit()) } }
        var best = [Float](repeating: 0, count: 37)
        var left = Set(values.indices)
        for (candidate, gain) in choices(values) {
            func gains(_ row: [Float]) -> Float { zip(row, best).reduce(0) { $0 + max($1.0 - $1.1, 0) } }
            let most = left.map { gains(values[$0]) }.max() ?? 0
            #expect(left.remove(candidate) != nil && gains(values[candidate]) > most - 1e-5 && abs(gain - most) < 1e-5)
            best = zip(best, values[candidate]).map { max($0, $1) }
        }
        #expect(left.isEmpty)
    }

    @Test func nothingToTakeAndNobodyToServe() {
        #expect(choices([]).isEmpty)
        #expect(choices([[], []]).map(\.candidate) == [0, 1])
    }
}
