import Testing
import TokenCore

@Suite struct TokenGridTests {
    @Test func positionsInvertRasterOrder() throws {
        let shape = try GridShape(frames: 3, rows: 2, columns: 5, channels: 1)
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer([Float](repeating: 0, count: 30)), frameTimes: [0, 1, 2])
        for token in 0..<30 {
            let place = grid.position(of: token)
            #expect((place.frame * 2 + place.row) * 5 + place.column == token)
            #expect(place.row < 2 && place.column < 5)
        }
    }

    @Test(arguments: [
        [-1, 2, 2, 1], [1, 2, 2, 0], [.max, 2, 2, 1], [1 << 20, 1 << 20, 1, 1], [1 << 30, 2, 1, .max / 2],
    ])
    func impossibleShapesAreRefused(_ terms: [Int]) {
        #expect(throws: TokenReelError.self) {
            try GridShape(frames: terms[0], rows: terms[1], columns: terms[2], channels: terms[3])
        }
    }

    @Test func partsMustFitTheShape() throws {
        let shape = try GridShape(frames: 2, rows: 1, columns: 2, channels: 3)
        let values = TensorBuffer([Float](repeating: 0, count: 12))
        #expect(throws: TokenReelError.self) { try TokenGrid(shape: shape, values: values, frameTimes: [0]) }
        #expect(throws: TokenReelError.self) {
            try TokenGrid(shape: shape, values: TensorBuffer([Float](repeating: 0, count: 11)), frameTimes: [0, 1])
        }
        #expect(throws: TokenReelError.self) {
            try TokenGrid(shape: shape, values: values, frameTimes: [0, 1], saliency: [1, 2, 3])
        }
        #expect(throws: TokenReelError.self) {
            try TokenGrid(shape: shape, values: values, frameTimes: [0, 1], frameFeatures: [1, 2, 3])
        }
    }

    @Test func someFramesCarryAllThatIsTheirs() throws {
        let shape = try GridShape(frames: 5, rows: 2, columns: 3, channels: 2)
        func count(_ numbers: Int) -> [Float] { (0..<numbers).map(Float.init) }
        let grid = try TokenGrid(
            shape: shape, values: TensorBuffer(count(60)), frameTimes: [0, 1, 2, 3, 4], saliency: count(30),
            frameFeatures: count(20), patchEmbeddings: TensorBuffer(count(30 * 7)),
            maps: [.valueNorms: TokenMap(layers: 2, values: count(60))], newline: [8, 9],
            deepstack: [TensorBuffer(count(60).reversed())])
        let part = try grid.frames(1..<3)
        #expect(part.shape.frames == 2 && part.frameTimes == [1, 2] && part.newline == [8, 9])
        #expect(part.values.array == Array(count(60)[12..<36]) && part.saliency == Array(count(30)[6..<18]))
        #expect(part.frameFeatures == Array(count(20)[4..<12]))
        #expect(part.patchEmbeddings?.array == Array(count(30 * 7)[42..<126]))
        #expect(part.maps[.valueNorms] == TokenMap(layers: 2, values: Array(count(60)[6..<18] + count(60)[36..<48])))
        #expect(part.deepstack.map(\.array) == [Array(count(60).reversed()[12..<36])])
        #expect(try grid.frames(0..<5).maps == grid.maps && grid.frames(2..<2).shape.tokenCount == 0)
    }

    @Test func timesCompareExactlyAcrossTimeBases() throws {
        let thirtieth = try #require(Rational(1, 30))
        let milli = try #require(Rational(1, 1000))
        #expect(MediaTime(ticks: 1, timeBase: thirtieth) > MediaTime(ticks: 33, timeBase: milli))
        #expect(MediaTime(ticks: 1, timeBase: thirtieth) < MediaTime(ticks: 34, timeBase: milli))
        #expect(MediaTime(ticks: .max, timeBase: thirtieth) > MediaTime(ticks: .max, timeBase: milli))
        #expect(Rational(1, 0) == nil)
    }
}
