import TensorOps
import Testing

@Suite(.enabled(if: BrainFloatMatrix.isSupported, "needs a processor with AVX512_BF16"))
struct BrainFloatMatrixTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 33) / Float(1 << 30)
        }
    }

    /// To bf16 and back, nearest even.
    private func rounded(_ value: Float) -> Double {
        let bits = value.bitPattern
        return Double(Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000))
    }

    /// Shapes below, at and above a tile of rows, a panel of outputs, a block of rows and of depth.
    @Test(arguments: [
        [1, 1, 1], [6, 64, 2], [7, 65, 33], [5, 16, 31], [241, 3, 40], [240, 130, 17], [2, 63, 1152], [3, 5, 1153],
        [8, 70, 2400],
    ]) func productsEqualThoseOfRoundedFactors(_ shape: [Int]) throws {
        let (m, n, k) = (shape[0], shape[1], shape[2])
        // Rows with a gap between them, in input and output.
        let (inputStride, outputStride) = (k + 3, n + 5)
        let a = numbers(m * inputStride, seed: 1)
        let b = numbers(n * k, seed: 2)
        var output = [Float](repeating: 7, count: m * outputStride)
        var workspace = [UInt32](repeating: 0xFFFF_FFFF, count: BrainFloatMatrix.workspaceCount)
        let packed = try b.withUnsafeBufferPointer {
            BrainFloatMatrix(MatrixView(try #require($0.baseAddress), rows: n, columns: k))
        }
        let matrix = try #require(packed)
        for isAdding in [false, true] {
            try a.withUnsafeBufferPointer { a in
                try output.withUnsafeMutableBufferPointer { output in
                    try workspace.withUnsafeMutableBufferPointer { workspace in
                        matrix.multiply(
                            MatrixView(try #require(a.baseAddress), rows: m, columns: k, stride: inputStride),
                            into: MutableMatrixView(
                                try #require(output.baseAddress), rows: m, columns: n, stride: outputStride),
                            adding: isAdding, workspace: try #require(workspace.baseAddress))
                    }
                }
            }
        }
        let left = a.map(rounded)
        let right = b.map(rounded)
        var worst = 0.0
        for row in 0..<m {
            for column in 0..<n {
                var exact = 0.0
                for index in 0..<k { exact += 2 * left[row * inputStride + index] * right[column * k + index] }
                worst = max(worst, abs(Double(output[row * outputStride + column]) - exact))
            }
            let isUntouched = output[row * outputStride + n..<(row + 1) * outputStride].allSatisfy { $0 == 7 }
            #expect(isUntouched, "what lies between rows is left alone")
        }
        #expect(worst < 1e-5 * Double(k))
    }

    @Test(arguments: [[1, 1], [16, 7], [72, 729], [64, 32], [65, 33], [130, 2]])
    func aTransposeIsLaidOutAsTheMatrixItself(_ shape: [Int]) throws {
        let (rows, columns) = (shape[0], shape[1])
        let stride = columns + 3
        let matrix = numbers(rows * stride, seed: 3)
        var transpose = [Float](repeating: .nan, count: columns * (rows + 2))
        for row in 0..<rows {
            for column in 0..<columns { transpose[column * (rows + 2) + row] = matrix[row * stride + column] }
        }
        let count = BrainFloatMatrix.packedCount(rows: rows, columns: columns)
        var direct = [UInt32](repeating: 1, count: count)
        var turned = [UInt32](repeating: 2, count: count)
        try matrix.withUnsafeBufferPointer { matrix in
            try transpose.withUnsafeBufferPointer { transpose in
                BrainFloatMatrix.pack(
                    MatrixView(try #require(matrix.baseAddress), rows: rows, columns: columns, stride: stride),
                    into: &direct)
                BrainFloatMatrix.pack(
                    transposeOf: MatrixView(
                        try #require(transpose.baseAddress), rows: columns, columns: rows, stride: rows + 2),
                    into: &turned)
            }
        }
        #expect(direct == turned)
    }
}
