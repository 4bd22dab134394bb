import Testing
import TokenCore
import TokenReduction

@Suite struct CodeSequenceTests {
    /// Streams in which codes stay for a while and phrases return.
    private func codes(frames: Int, places: Int, base: Int, change: Float, seed: UInt64) -> [Int32] {
        var random = RandomNumbers(seed: seed)
        var now = (0..<places).map { _ in Int32(random.below(base)) }
        return (0..<frames).flatMap { _ -> [Int32] in
            for place in 0..<places where random.unit() < change { now[place] = Int32(random.below(base)) }
            return now
        }
    }

    @Test(arguments: CodeSequence.Scheme.allCases)
    func everyWayGivesTheCodesBack(_ scheme: CodeSequence.Scheme) {
        for (frames, places, base) in [(0, 4, 3), (1, 1, 1), (7, 1, 2), (1, 9, 5), (20, 12, 33), (40, 3, 300)] {
            for change in [Float(0), 0.1, 1] {
                let codes = codes(frames: frames, places: places, base: base, change: change, seed: 9)
                let sequence = CodeSequence(codes, places: places, base: base, scheme: scheme)
                #expect(sequence.codes == codes)
                #expect(sequence.bytes.count == (sequence.bitCount + 7) / 8)
            }
        }
    }

    @Test func bitsAreThoseOfTheDefinition() {
        #expect(CodeSequence([3, 1, 4, 1], places: 2, base: 5, scheme: .plain).bitCount == 4 * 3)
        // Place 0: 7 7 7, place 1: 7 2 2; as runs 7 four times and 2 twice: two codes, gamma of 5 and 3 bits.
        #expect(CodeSequence([7, 7, 7, 2, 7, 2], places: 2, base: 8, scheme: .runs).bitCount == 2 * 3 + 5 + 3)
    }

    @Test func theShortestWayIsTaken() {
        for (change, seed) in [(Float(0), UInt64(1)), (0.02, 2), (0.5, 3), (1, 4)] {
            let codes = codes(frames: 60, places: 8, base: 16, change: change, seed: seed)
            let all = CodeSequence.Scheme.allCases.map {
                CodeSequence(codes, places: 8, base: 16, scheme: $0).bitCount
            }
            #expect(CodeSequence(codes, places: 8, base: 16).bitCount == all.min())
        }
        let still = codes(frames: 60, places: 8, base: 16, change: 0, seed: 1)
        #expect(CodeSequence(still, places: 8, base: 16).scheme == .runs)
        let phrase = (0..<960).map { Int32([1, 5, 2, 7][$0 / 8 % 4]) }
        #expect(CodeSequence(phrase, places: 8, base: 16).scheme == .pairs)
    }
}

@Suite struct CodeVocabularyTests {
    @Test func theMostFrequentPairIsMergedFirstAndOfEqualsTheLower() {
        let vocabulary = CodeVocabulary(learningFrom: [[0, 1, 0, 1, 2, 0, 1], [2, 2]], base: 3, merges: 10)
        #expect(vocabulary.merges[0] == (0, 1))
        #expect(vocabulary.expansions[3] == [0, 1])
        // What is left, 3 3 2 3 and 2 2, has no pair twice.
        #expect(vocabulary.count == 4)
        let ties = CodeVocabulary(learningFrom: [[4, 5, 4, 5, 1, 2, 1, 2]], base: 6, merges: 1)
        #expect(ties.merges[0] == (1, 2))
    }

    @Test func theLongestMatchIsNotAlwaysTheFewest() {
        // Entries ab, abc, cde: "abcde" is ab + cde, but the longest match takes abc first.
        let vocabulary = CodeVocabulary(base: 5, merges: [(0, 1), (5, 2), (2, 3), (7, 4)])
        #expect(vocabulary.longestMatches(in: [0, 1, 2, 3, 4]) == [6, 3, 4])
        #expect(vocabulary.fewestEntries(for: [0, 1, 2, 3, 4]) == [5, 8])
    }

    /// The fewest entries by trying all cuts.
    private func fewest(_ stream: ArraySlice<Int32>, _ entries: Set<[Int32]>) -> Int {
        guard !stream.isEmpty else { return 0 }
        return (1...stream.count).filter { entries.contains(Array(stream.prefix($0))) }
            .map { 1 + fewest(stream.dropFirst($0), entries) }.min() ?? .max / 2
    }

    @Test(arguments: 1...12)
    func segmentationsAreExactAndTheFewestAreFewest(seed: UInt64) {
        var random = RandomNumbers(seed: seed)
        let streams = (0..<6).map { _ in (0..<14).map { _ in Int32(random.below(3)) } }
        let vocabulary = CodeVocabulary(learningFrom: streams, base: 3, merges: 12)
        for stream in streams {
            let (longest, fewest) = (vocabulary.longestMatches(in: stream), vocabulary.fewestEntries(for: stream))
            #expect(vocabulary.decoded(longest) == stream && vocabulary.decoded(fewest) == stream)
            #expect(fewest.count <= longest.count)
            #expect(fewest.count == self.fewest(stream[...], Set(vocabulary.expansions)))
        }
    }

    @Test func aMergedEntryIsTheMeanOfItsCodes() {
        let vocabulary = CodeVocabulary(base: 2, merges: [(0, 1), (2, 0)])
        let vectors = vocabulary.vectors(from: TensorBuffer([3, 0, 0, 6]), channels: 2).array
        expectClose(vectors, [3, 0, 0, 6, 1.5, 3, 2, 2])
    }
}
