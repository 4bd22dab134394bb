import TensorOps
import Testing

struct PackedMatrixTests {
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

    /// Shapes of one number, around a vector, a panel of outputs, and a block of rows; and what a bf16 pair leaves over.
    static let shapes = [
        [1, 1, 1], [6, 64, 2], [7, 65, 33], [5, 16, 31], [128, 3, 40], [129, 130, 17], [257, 63, 640], [3, 5, 1153],
        [8, 70, 2400], [2, 80, 1024],
    ]

    @Test(arguments: shapes, [false, true]) func productsEqualThoseOfTheFactors(
        _ shape: [Int], isRounded: Bool
    ) throws {
        guard PackedMatrix.canRound || !isRounded else { return }
        let (m, n, k) = (shape[0], shape[1], shape[2])
        let aStride = isRounded ? k + 1 : k
        let a = numbers(m * aStride, seed: 1)
        // Rows with a gap between them where the matrix lies.
        let b = numbers(n * (k + 3), seed: 2)
        var output = [Float](repeating: 7, count: m * n)
        var scratch = [UInt16](repeating: 0xFFFF, count: PackedMatrix.scratchCount)
        let packed = try b.withUnsafeBufferPointer {
            PackedMatrix(
                MatrixView(try #require($0.baseAddress), rows: n, columns: k, stride: k + 3), isRounded: isRounded)
        }
        guard let matrix = packed else {
            // Only systems without oneDNN's kernels may leave single precision to OpenBLAS.
            #if arch(x86_64) && os(Linux)
                Issue.record("\(shape) could not be laid out")
            #endif
            return
        }
        for isAdding in [false, true] {
            try a.withUnsafeBufferPointer { a in
                try output.withUnsafeMutableBufferPointer { output in
                    matrix.multiply(
                        MatrixView(try #require(a.baseAddress), rows: m, columns: k, stride: aStride),
                        into: MutableMatrixView(try #require(output.baseAddress), rows: m, columns: n),
                        adding: isAdding, scratch: &scratch)
                }
            }
        }
        let left = a.map { isRounded ? rounded($0) : Double($0) }
        let right = b.map { isRounded ? rounded($0) : Double($0) }
        var worst = 0.0
        for row in 0..<m {
            for column in 0..<n {
                var exact = 0.0
                for index in 0..<k { exact += 2 * left[row * aStride + index] * right[column * (k + 3) + index] }
                worst = max(worst, abs(Double(output[row * n + column]) - exact))
            }
        }
        #expect(worst < 1e-5 * Double(k))
    }

    /// Queries, keys and values of a head lie between those of others.
    @Test(.enabled(if: PackedMatrix.canRound, "needs a processor with bf16"), arguments: shapes)
    func roundedViewsOfWiderMatricesMultiply(_ shape: [Int]) throws {
        let (m, n, k) = (shape[0], shape[1], shape[2])
        let (aStride, bStride, cStride) = (k + 5, k + 2, n + 7)
        let a = numbers(m * aStride, seed: 4)
        let b = numbers(n * bStride, seed: 5)
        var transposed = [Float](repeating: .nan, count: k * (n + 1))
        for row in 0..<n { for column in 0..<k { transposed[column * (n + 1) + row] = b[row * bStride + column] } }
        let (aBits, bBits, turnedBits) = (a.map(bits), b.map(bits), transposed.map(bits))
        for isTransposed in [true, false] {
            var output = [Float](repeating: 7, count: m * cStride)
            try output.withUnsafeMutableBufferPointer { output in
                let target = MutableMatrixView(
                    try #require(output.baseAddress), rows: m, columns: n, stride: cStride)
                try aBits.withUnsafeBufferPointer { a in
                    let left = RoundedView(try #require(a.baseAddress), rows: m, columns: k, stride: aStride)
                    try (isTransposed ? bBits : turnedBits).withUnsafeBufferPointer { b in
                        let base = try #require(b.baseAddress)
                        if isTransposed {
                            Matrix.multiply(
                                left, transposed: RoundedView(base, rows: n, columns: k, stride: bStride),
                                into: target)
                        } else {
                            Matrix.multiply(
                                left, RoundedView(base, rows: k, columns: n, stride: n + 1), into: target)
                        }
                    }
                }
            }
            for row in 0..<m {
                for column in 0..<n {
                    let exact = (0..<k).reduce(0.0) {
                        $0 + rounded(a[row * aStride + $1]) * rounded(b[column * bStride + $1])
                    }
                    #expect(abs(Double(output[row * cStride + column]) - exact) < 1e-5 * Double(k))
                }
                let isUntouched = output[row * cStride + n..<(row + 1) * cStride].allSatisfy { $0 == 7 }
                #expect(isUntouched, "what lies between rows is left alone")
            }
        }
    }

    @Test func roundingIsToNearestTiesToEvenAndKeepsWhatIsNoNumber() throws {
        let values: [Float] = [
            1, 1.00390625, 1.01171875, -1.00390625, 0, -0.0, .infinity, -.infinity, .greatestFiniteMagnitude, 1e-40,
            Float(bitPattern: 0x7F80_0001), .nan,
        ]
        let found = [UInt16](unsafeUninitializedCapacity: values.count) { output, count in
            values.withUnsafeBufferPointer { values in
                guard let source = values.baseAddress, let target = output.baseAddress else { return }
                Matrix.round(
                    MatrixView(source, rows: 2, columns: values.count / 2),
                    into: MutableRoundedView(target, rows: 2, columns: values.count / 2))
            }
            count = values.count
        }
        let back = found.map { Float(bitPattern: UInt32($0) << 16) }
        #expect(back[..<9] == [1, 1, 1.015625, -1, 0, 0, .infinity, -.infinity, .infinity])
        #expect(back[5].sign == .minus)
        #expect(abs(back[9] - 1e-40) < 1e-40)
        #expect(back[10].isNaN && back[11].isNaN)
    }

    private func bits(_ value: Float) -> UInt16 {
        value.isNaN ? 0x7FC0 : UInt16(Float(rounded(value)).bitPattern >> 16)
    }
}
