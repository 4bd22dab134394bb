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

    @Test func signalsOfAGridFollow() throws {
        let grid = try RandomGrid.withAllSignals(
            RandomGrid.video(frames: 3, rows: 4, columns: 6, channels: 5, seed: 4))
        let layout = try SpaceToDepth(side: 2)
        let stacked = try grid.stacked(by: layout)
        #expect(stacked.shape.channels == 20 && stacked.patchEmbeddingChannels == 48)
        #expect(try layout.unstacked(stacked.values, to: grid.shape).array == grid.values.array)
        let saliency = try #require(grid.saliency)
        // The block at row 1, column 2 of the second frame: rows 2 and 3, columns 4 and 5.
        let mean = [40, 41, 46, 47].reduce(Float(0)) { $0 + saliency[$1] } / 4
        #expect(abs(try #require(stacked.saliency)[6 + 3 + 2] - mean) < 1e-6)
        #expect(stacked.maps.keys == grid.maps.keys && stacked.frameFeatures == grid.frameFeatures)
    }

    @Test func sidesThatDoNotFitAreRefused() throws {
        let shape = try GridShape(frames: 1, rows: 4, columns: 6, channels: 1)
        #expect(throws: TokenReelError.self) { try SpaceToDepth(side: 4).stackedShape(of: shape) }
        #expect(throws: TokenReelError.self) { try SpaceToDepth(side: 0) }
    }
}
