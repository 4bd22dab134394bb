import Testing
import TokenReduction

@Suite struct BanzhafInteractionTests {
    /// The definition in double precision over all coalitions.
    private func reference(_ similarity: [Float], words: Int, frames: Int) -> [Double] {
        func value(_ inWords: Set<Int>, _ inFrames: Set<Int>) -> Double {
            func cell(_ word: Int, _ frame: Int) -> Double {
                inWords.contains(word) && inFrames.contains(frame) ? Double(similarity[word * frames + frame]) : 0
            }
            func mean(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count) }
            let ofWords = inWords.sorted().map { word in (0..<frames).map { cell(word, $0) }.max() ?? 0 }
            let ofFrames = inFrames.sorted().map { frame in (0..<words).map { cell($0, frame) }.max() ?? 0 }
            return (mean(ofWords) + mean(ofFrames)) / 2
        }
        func subsets(_ count: Int, without left: Int) -> [Set<Int>] {
            (0..<1 << count).map { mask in Set((0..<count).filter { mask >> $0 & 1 == 1 }) }
                .filter { !$0.contains(left) }
        }
        return (0..<words * frames).map { pair in
            let (word, frame) = pair.quotientAndRemainder(dividingBy: frames)
            var sum = 0.0
            var count = 0.0
            for inWords in subsets(words, without: word) {
                for inFrames in subsets(frames, without: frame) {
                    let (w, f) = (inWords.union([word]), inFrames.union([frame]))
                    sum += value(w, f) - value(w, inFrames) - value(inWords, f) + value(inWords, inFrames)
                    count += 1
                }
            }
            return sum / count
        }
    }

    @Test(arguments: [(1, 1), (1, 4), (3, 1), (2, 3), (3, 5)])
    func isExactWhereAllCoalitionsAreTaken(words: Int, frames: Int) {
        var random = RandomNumbers(seed: UInt64(words * 10 + frames))
        let similarity = random.vector(words * frames)
        let found = BanzhafInteraction(similarity, words: words, frames: frames, samples: 256, seed: 0, workers: 1)
        for (value, expected) in zip(found.values, reference(similarity, words: words, frames: frames)) {
            #expect(abs(Double(value) - expected) < 1e-5)
        }
    }

    @Test func samplesComeNearTheExactValueAndFollowTheirSeed() {
        var random = RandomNumbers(seed: 3)
        let similarity = random.vector(3 * 6)
        func play(_ samples: Int, _ seed: UInt64, workers: Int = 1) -> [Float] {
            BanzhafInteraction(
                similarity, words: 3, frames: 6, samples: samples, seed: seed, workers: workers
            ).values
        }
        let exact = play(512, 0)
        #expect(zip(play(500, 1), exact).allSatisfy { abs($0 - $1) < 0.1 })
        #expect(play(500, 1) != exact)
        #expect(play(50, 1) == play(50, 1, workers: 3))
        #expect(play(50, 1) != play(50, 2))
    }

    @Test func aWordAndAFrameAloneGainTheirSimilarity() {
        let found = BanzhafInteraction([0.75], words: 1, frames: 1, samples: 4, seed: 0, workers: 1)
        #expect(found.values == [0.75])
    }
}
