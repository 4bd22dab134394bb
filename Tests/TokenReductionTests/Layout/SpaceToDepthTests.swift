import Testing
import TokenCore
import TokenReduction

@Suite struct SpaceToDepthTests {
    @Test func blocksFollowRowByRow() throws {
        let shape = try GridShape(frames: 1, rows: 2, columns: 4, channels: 1)
        let stacked = try SpaceToDepth(side: 2).stacked(TensorBuffer([0, 1, 2, 3, 4, 5, 6, 7]), shape: shape)
        #expect(stacked.array == [0, 1, 4, 5, 2, 3, 6, 7])
    }

    @Test(arguments: [1, 2, 3])
    func theInverseGivesTheSameBits(side: Int) throws {
        let shape = try GridShape(frames: 3, rows: 6, columns: 12, channels: 5)
        var random = RandomNumbers(seed: 1)
        let values = random.vector(shape.elementCount)
        let layout = try SpaceToDepth(side: side)
        let stacked = try layout.stacked(TensorBuffer(values), shape: shape)
        #expect(try layout.unstacked(stacked, to: shape).array == values)
        let narrow = try layout.stackedShape(of: shape)
        #expect(narrow.rows == 6 / side && narrow.columns == 12 / side && narrow.channels == 5 * side * side)
        #expect((stacked.array == values) == (side == 1))
    }

    @Test func sidesThatDoNotFitAreRefused() throws {
        let shape = try GridShape(frames: 1, rows: 4, columns: 6, channels: 1)
        #expect(throws: TokenReelError.self) { try SpaceToDepth(side: 4).stackedShape(of: shape) }
        #expect(throws: TokenReelError.self) { try SpaceToDepth(side: 0) }
    }
}
