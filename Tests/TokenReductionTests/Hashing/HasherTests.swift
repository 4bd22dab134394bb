import Testing
import TokenCore
import TokenReduction

@Suite struct HasherTests {
    private func hash(
        _ name: String, _ grid: TokenGrid, tokens: Int = 40, _ parameters: [String: String] = [:]
    ) throws -> TokenHash {
        try #require(
            try RecipeRegistry.recipe(named: name, parameters: parameters)
                .reduce(grid, ReductionRequest(budget: .tokens(tokens))).tokenHash)
    }

    private func distance(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double {
        zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    }

    /// Mean squared error of what the first levels stand for.
    private func error(_ levels: CodeLevels, _ grid: TokenGrid, first: Int) -> Double {
        let sums = levels.reconstruction(of: 0..<grid.shape.tokenCount, levels: first, channels: grid.shape.channels)
        return distance(sums.array, grid.values.array) / Double(grid.shape.elementCount)
    }

    @Test(arguments: ["residual-vq", "hitvideo"])
    func everyLevelBringsCodesNearerToTheTokens(_ name: String) throws {
        let grid = try RandomGrid.video(frames: 9, rows: 5, columns: 6, channels: 14, seed: 3)
        let levels = try #require(try hash(name, grid).levels)
        let errors = (0...levels.count).map { error(levels, grid, first: $0) }
        #expect(zip(errors, errors.dropFirst()).allSatisfy { $1 < $0 })
        #expect(errors[levels.count] < 0.5 * errors[0])
    }

    @Test func residualCodesAreTheNearestEntriesOfWhatEachQuantiserSees() throws {
        let grid = try RandomGrid.video(frames: 6, rows: 4, columns: 4, channels: 13, seed: 4)
        let levels = try #require(
            try hash("residual-vq", grid, tokens: 30, ["levels": "5", "masked": "3"]).levels)
        let thirds = [0..<4, 4..<8, 8..<13]
        var first = 0
        for (level, size) in levels.sizes.enumerated() {
            let entries = (first..<first + size).map { entry in (0..<13).map { levels.codebook[entry * 13 + $0] } }
            if level < 3 {
                for entry in entries {
                    #expect(entry.indices.allSatisfy { thirds[level].contains($0) || entry[$0] == 0 })
                }
            }
            for token in 0..<grid.shape.tokenCount {
                let values = (0..<13).map { grid.values[token * 13 + $0] }
                let seen: [Float]
                if level < 3 {
                    seen = values.indices.map { thirds[level].contains($0) ? values[$0] : 0 }
                } else {
                    let sums = levels.reconstruction(of: token..<token + 1, levels: level, channels: 13)
                    seen = values.indices.map { values[$0] - sums[$0] }
                }
                let code = Int(levels.codes(of: level)[level * grid.shape.tokenCount + token])
                let best = entries.map { distance($0, seen) }.min() ?? 0
                #expect(distance(entries[code], seen) <= best + 1e-5)
            }
            first += size
        }
    }

    @Test(arguments: ["residual-vq", "fsq", "wavtokenizer"])
    func wordsAreTheCodesOfTheLevelsThatMakeThem(_ name: String) throws {
        let grid = try RandomGrid.video(frames: 8, rows: 4, columns: 5, channels: 12, seed: 5)
        let hash = try hash(name, grid, tokens: 25)
        let levels = try #require(hash.levels)
        let count = name == "residual-vq" ? 3 : levels.count
        #expect(hash.count <= 25)
        for a in 0..<grid.shape.tokenCount {
            for b in 0..<a {
                let isSame = (0..<count).allSatisfy { level in
                    let codes = Array(levels.codes(of: level))
                    return codes[a] == codes[b]
                }
                #expect((hash.codes[a] == hash.codes[b]) == isSame)
            }
        }
    }

    @Test func theJointIndexWeighsAppearance() throws {
        // Meaning has two values in runs of rows, appearance two in turns.
        let shape = try GridShape(frames: 4, rows: 2, columns: 4, channels: 2)
        let (left, right): ([Float], [Float]) = ([1, 0.1], [0.1, 1])
        let (even, odd): ([Float], [Float]) = ([1, 0, 0], [0, 0, 1])
        let meaning = (0..<shape.tokenCount).flatMap { $0 / 16 == 0 ? left : right }
        let looks = (0..<shape.tokenCount).flatMap { $0 % 2 == 0 ? even : odd }
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer(meaning), frameTimes: [0, 1, 2, 3],
            patchEmbeddings: TensorBuffer(looks))
        let byMeaning = try hash("tokenflow", grid, tokens: 2, ["weight": "0"]).codes
        #expect(byMeaning == (0..<32).map { Int32($0 / 16) })
        let byLooks = try hash("tokenflow", grid, tokens: 2, ["weight": "9"]).codes
        #expect(byLooks == (0..<32).map { Int32($0 % 2) })
        let byBoth = try hash("tokenflow", grid, tokens: 4, ["weight": "1"]).codes
        for token in 0..<32 {
            for other in 0..<32 {
                let isAlike = token / 16 == other / 16 && token % 2 == other % 2
                #expect((byBoth[token] == byBoth[other]) == isAlike)
            }
        }
    }

    @Test func aPyramidSplitsBlocksWhereDetailIsLost() throws {
        // Four coarse blocks side by side; the third alone has detail.
        let shape = try GridShape(frames: 4, rows: 4, columns: 16, channels: 1)
        let values = (0..<shape.tokenCount).map { token -> Float in
            let block = token % 16 / 4
            return Float(block == 2 ? (token * 7) % 5 : block)
        }
        let grid = try TokenGrid(shape: shape, values: TensorBuffer(values), frameTimes: [0, 1, 2, 3])
        #expect(try hash("hitvideo", grid, tokens: 4).count == 4)
        let hash = try hash("hitvideo", grid, tokens: 11)
        #expect(hash.count == 11)
        let sizes = (0..<11).map { hash.plan.entries(of: $0).count }
        #expect(sizes.sorted() == Array(repeating: 8, count: 8) + [64, 64, 64])
        for row in 0..<11 where sizes[row] == 8 {
            let column = Int(hash.plan.anchors[row]) % 16
            #expect(column / 4 == 2)
        }
        // A mean over each block.
        let means = (0..<11).map { row -> Float in
            let sources = hash.plan.sources[hash.plan.entries(of: row)].map { values[Int($0)] }
            return sources.reduce(0, +) / Float(sources.count)
        }
        expectClose(hash.codebook.array, means)
        #expect(hash.levels?.cells == [4, 32, 256])
    }

    @Test(arguments: 2...9)
    func scalarCodesAreThoseOfTheFormula(levels: Int) throws {
        let fixture = try Fixture("oracle-fsq/codes")
        let quantizer = FiniteScalarQuantizer(levels: levels)
        let codes = fixture.floats("values").map { Int32(quantizer.code(Double($0))) }
        #expect(codes == fixture.integers("levels.\(levels)"))
        #expect(Set(codes) == Set(0..<Int32(levels)))
    }

    @Test func causalCodesDoNotDependOnWhatComesLater() throws {
        let long = try RandomGrid.video(frames: 40, rows: 4, columns: 4, channels: 10, seed: 6)
        let short = try TokenGrid(
            shape: GridShape(frames: 30, rows: 4, columns: 4, channels: 10),
            values: TensorBuffer(Array(long.values.array.prefix(30 * 160))), frameTimes: (0..<30).map(Double.init))
        func codes(_ grid: TokenGrid, _ causal: String) throws -> [Int32] {
            try hash("wavtokenizer", grid, tokens: 10, ["causal": causal, "batch": "4"]).codes
        }
        #expect(try codes(short, "1") == Array(try codes(long, "1").prefix(480)))
        #expect(try hash("wavtokenizer", long, tokens: 10, ["causal": "1"]).isStreamable)
        #expect(try !hash("wavtokenizer", long, tokens: 10).isStreamable)
    }
}

@Suite struct OnlineCodebookTests {
    @Test func entriesFollowTheMovingAverage() {
        var codebook = OnlineCodebook(
            startingFrom: TensorBuffer([1, 3]), channels: 1, count: 1, decay: 0.75, dead: 0)
        #expect(codebook.entries[0] == 2 && codebook.usage == [2])
        codebook.update(with: TensorBuffer([4, 4, 4, 6]))
        // Sums 0.75 * 4 + 0.25 * 18 over counts 0.75 * 2 + 0.25 * 4.
        #expect(abs(codebook.usage[0] - 2.5) < 1e-6)
        #expect(abs(codebook.entries[0] - 3) < 1e-4)
    }

    @Test func anEntryThatNobodyUsesIsDrawnAnew() {
        var codebook = OnlineCodebook(
            startingFrom: TensorBuffer([0, 0, 0, 50, 50, 50]), channels: 1, count: 2, decay: 0.5, dead: 1)
        for _ in 0..<6 { codebook.update(with: TensorBuffer([0, 0.5, 1, 0.25])) }
        #expect(codebook.redrawn >= 1)
        #expect(codebook.entries.array.allSatisfy { $0 <= 1.01 })
        #expect(Set(codebook.codes(of: TensorBuffer([0, 0.5, 1, 0.25]))).count == 2)
    }
}

@Suite struct EuclideanKMeansTests {
    @Test func labelsAreNearestAndEntriesAreMeans() {
        var random = RandomNumbers(seed: 2)
        let values = random.vector(120 * 6)
        let means = EuclideanKMeans(
            of: TensorBuffer(values), channels: 6, count: 7, iterations: 100, seed: 1, workers: 2)
        func distance(_ row: Int, _ entry: Int) -> Float {
            (0..<6).reduce(0) {
                let difference = values[row * 6 + $1] - means.entries[entry * 6 + $1]
                return $0 + difference * difference
            }
        }
        for row in 0..<120 {
            let best = (0..<7).map { distance(row, $0) }.min() ?? 0
            #expect(distance(row, Int(means.labels[row])) <= best + 1e-5)
        }
        for entry in 0..<7 {
            let members = (0..<120).filter { means.labels[$0] == entry }
            #expect(!members.isEmpty)
            for channel in 0..<6 {
                let mean = members.reduce(Float(0)) { $0 + values[$1 * 6 + channel] } / Float(members.count)
                #expect(abs(mean - means.entries[entry * 6 + channel]) < 1e-5)
            }
        }
    }
}

@Suite struct HashFiguresTests {
    @Test func agreeWithTheDefinition() throws {
        let shape = try GridShape(frames: 2, rows: 1, columns: 4, channels: 1)
        // Three of four entries are used: half, a quarter and a quarter of the time.
        let codes: [Int32] = [0, 0, 1, 2, 0, 0, 1, 2]
        let figures = HashFigures(
            codes: codes, codebook: TensorBuffer([1, 2, 4, 8]), levels: nil, shape: shape, frameTimes: [0, 0.5],
            values: TensorBuffer([1, 1, 2, 4, 1, 1, 2, 5]))
        #expect(figures.levels == 1 && figures.entries == 4 && figures.usage == 0.75)
        #expect(abs(figures.entropy - 1.5) < 1e-9 && abs(figures.perplexity - 2.828427) < 1e-5)
        #expect(figures.bits == 16)
        // Two frames at half a second each.
        #expect(figures.bitRate == 16)
        #expect((figures.compressedBits ?? 99) <= 16)
        #expect(abs((figures.relativeError ?? 0) - 1.0 / 53) < 1e-6 && figures.cosine == 1)
    }

    @Test func levelsAddUp() throws {
        let shape = try GridShape(frames: 1, rows: 1, columns: 2, channels: 2)
        let levels = CodeLevels(
            sizes: [2, 1], codes: [0, 1, 0, 0], codebook: TensorBuffer([1, 0, 3, 0, 0, 5]), cells: [2, 1])
        let figures = HashFigures(
            codes: [0, 1], codebook: TensorBuffer([]), levels: levels, shape: shape, frameTimes: [0],
            values: TensorBuffer([1, 5, 3, 5]))
        #expect(figures.levels == 2 && figures.entries == 3 && figures.usage == 1)
        #expect(figures.bits == 2 && figures.bitRate == nil)
        #expect(figures.entropy == 0.5 && figures.relativeError == 0)
    }
}
