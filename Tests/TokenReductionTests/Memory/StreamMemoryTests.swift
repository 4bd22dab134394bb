import Testing
import TokenReduction

@Suite struct SinkWindowTests {
    @Test(arguments: [(0, 3), (2, 3), (4, 1), (3, 0), (0, 0)])
    func keepsTheFirstAndTheLast(sinks: Int, recent: Int) {
        var memory = SinkWindow<Int>(sinks: sinks, recent: recent)
        var evicted: [Int] = []
        for entry in 0..<20 {
            if let out = memory.append(entry) { evicted.append(out) }
            let all = Array(0...entry)
            let expected = all.count <= sinks + recent ? all : Array(all.prefix(sinks) + all.suffix(recent))
            #expect(memory.entries == expected)
            #expect(memory.streamPlaces == expected)
            #expect(memory.received == entry + 1 && memory.entries.count <= memory.capacity)
            #expect((memory.entries + evicted).sorted() == all)
        }
        // What leaves, leaves in the order it came.
        #expect(evicted == evicted.sorted())
    }

    @Test func roomIsMadeForSeveralAtOnce() {
        var memory = SinkWindow<Int>(sinks: 2, recent: 4)
        for entry in 0..<6 { #expect(memory.append(entry) == nil) }
        #expect(memory.makeRoom(for: 3) == [2, 3, 4])
        #expect(memory.entries == [0, 1, 5])
        // Sinks never go.
        #expect(memory.makeRoom(for: 99) == [5] && memory.entries == [0, 1])
    }
}

@Suite struct AveragedSinkTests {
    @Test(arguments: [(1, 0, Float(0.9)), (1, 4, 0.5), (3, 2, 0.75), (2, 5, 1)])
    func agreesWithTheFormula(sinkFrames: Int, recent: Int, alpha: Float) {
        var random = RandomNumbers(seed: 3)
        let stream = (0..<23).map { _ in random.vector(4) }
        var memory = AveragedSink(sinkFrames: sinkFrames, recent: recent, alpha: alpha)
        for length in 1...stream.count {
            memory.append(stream[length - 1])
            let seen = Array(stream.prefix(length))
            var sink = Array(seen.prefix(sinkFrames))
            let later = Array(seen.dropFirst(sinkFrames))
            let evicted = Array(later.dropLast(recent))
            let blocks = evicted.count / sinkFrames
            for index in 0..<blocks * sinkFrames {
                let place = index % sinkFrames
                sink[place] = (0..<4).map { alpha * sink[place][$0] + (1 - alpha) * evicted[index][$0] }
            }
            #expect(memory.updates == blocks)
            expectClose(memory.frames.flatMap { $0 }, (sink + later.suffix(recent)).flatMap { $0 })
        }
    }
}
