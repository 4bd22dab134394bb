import Foundation
import TensorOps
import Testing

@Suite struct TransformerPassesTests {
    private func numbers(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 33) / Float(1 << 30) * scale
        }
    }

    private func changing(_ values: inout [Float], rows: Int, _ body: (MutableMatrixView) -> Void) throws {
        let columns = values.count / rows
        try values.withUnsafeMutableBufferPointer {
            body(MutableMatrixView(try #require($0.baseAddress), rows: rows, columns: columns))
        }
    }

    @Test(arguments: [1, 7, 16, 33, 1152]) func layerNormMatchesTheDefinition(_ columns: Int) throws {
        // A mean far from zero shows whether squares were subtracted from each other.
        let input = numbers(3 * columns, seed: 1).map { $0 + 100 }
        let gain = numbers(columns, seed: 2)
        let bias = numbers(columns, seed: 3)
        var found = input
        try changing(&found, rows: 3) {
            RowPass.layerNorm($0.readOnly, gain: gain, bias: bias, epsilon: 1e-5, into: $0)
        }
        for row in 0..<3 {
            let values = input[row * columns..<(row + 1) * columns].map(Double.init)
            let mean = values.reduce(0, +) / Double(columns)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            for column in 0..<columns {
                let exact =
                    (values[column] - mean) / (variance + 1e-5).squareRoot() * Double(gain[column])
                    + Double(bias[column])
                #expect(abs(Double(found[row * columns + column]) - exact) < 2e-4)
            }
        }
    }

    @Test(arguments: Activation.allCases) func activationsMatchTheDefinition(_ activation: Activation) throws {
        let input = (0..<4001).map { Float($0 - 2000) / 100 }
        let bias = numbers(4001, seed: 4)
        var found = input
        try changing(&found, rows: 1) { RowPass.activate(activation, bias: bias, on: $0) }
        for index in input.indices {
            let x = Double(input[index] + bias[index])
            let exact =
                switch activation {
                case .gelu: x * 0.5 * (1 + erf(x / 2.0.squareRoot()))
                case .geluTanh: x * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
                case .quickGELU: x / (1 + exp(-1.702 * x))
                case .silu: x / (1 + exp(-x))
                }
            #expect(abs(Double(found[index]) - exact) < 1e-6 * max(1, abs(x)))
        }
    }

    @Test(arguments: [1, 5, 16, 31, 100, 729]) func softmaxMatchesTheDefinition(_ columns: Int) throws {
        let input = numbers(4 * columns, seed: 5, scale: 30)
        for first in [nil, 2] {
            var found = input
            try changing(&found, rows: 4) { RowPass.softmax($0, causalFrom: first) }
            for row in 0..<4 {
                let count = min(first.map { $0 + row + 1 } ?? columns, columns)
                let values = input[row * columns..<row * columns + count].map(Double.init)
                let largest = values.max() ?? 0
                let sum = values.reduce(0) { $0 + exp($1 - largest) }
                for column in 0..<columns {
                    let exact = column < count ? exp(values[column] - largest) / sum : 0
                    #expect(abs(Double(found[row * columns + column]) - exact) < 1e-6)
                }
            }
        }
    }

    @Test func softmaxOfExtremesStaysFiniteAndSumsToOne() throws {
        var found: [Float] = [-3e38, 0, 3e38, 1, -1000, 1000]
        try changing(&found, rows: 2) { RowPass.softmax($0) }
        #expect(found.allSatisfy { $0.isFinite })
        #expect(abs(found[2] - 1) < 1e-6 && abs(found[5] - 1) < 1e-6)
    }

    @Test func biasesAndColumnSumsCoverEveryRow() throws {
        var values: [Float] = [1, 2, 3, 4, 5, 6]
        try changing(&values, rows: 2) { RowPass.addBias([10, 20, 30], to: $0) }
        #expect(values == [11, 22, 33, 14, 25, 36])
        try changing(&values, rows: 2) { RowPass.addBias([1, 0, -1], scale: 0.5, to: $0) }
        #expect(values == [6, 11, 16, 7.5, 12.5, 17.5])
        var sums: [Float] = [1, 1, 1]
        try changing(&values, rows: 2) { RowPass.addColumnSums(of: $0.readOnly, to: &sums) }
        #expect(sums == [14.5, 24.5, 34.5])
    }

    @Test func productsOfPartsOfMatricesMatchTheDefinition() throws {
        var a = numbers(6 * 10, seed: 6)
        var b = numbers(5 * 10, seed: 7)
        var output = [Float](repeating: 1, count: 6 * 8)
        try changing(&a, rows: 6) { a in
            try? changing(&b, rows: 5) { b in
                try? changing(&output, rows: 6) { output in
                    // Four columns of each, from the third on, into the right half of the output.
                    Matrix.multiply(
                        a.part(columns: 2..<6).readOnly, transposed: b.part(rows: 1..<5, columns: 2..<6).readOnly,
                        into: output.part(rows: 0..<6, columns: 4..<8), adding: true)
                    Matrix.multiply(
                        a.part(rows: 1..<3, columns: 0..<2).readOnly, b.part(rows: 3..<5, columns: 0..<4).readOnly,
                        into: output.part(rows: 4..<6, columns: 0..<4))
                }
            }
        }
        for row in 0..<6 {
            for column in 0..<8 {
                var exact: Float = 1
                if column >= 4 {
                    for k in 2..<6 { exact += a[row * 10 + k] * b[(column - 3) * 10 + k] }
                } else if row >= 4 {
                    exact = 0
                    for k in 0..<2 { exact += a[(row - 3) * 10 + k] * b[(3 + k) * 10 + column] }
                }
                #expect(abs(output[row * 8 + column] - exact) < 1e-5)
            }
        }
    }

    @Test func oneNumberThatIsNotFiniteIsFoundAnywhere() {
        func areFinite(_ values: [Float]) -> Bool { values.withUnsafeBufferPointer(Rows.areFinite) }
        for count in [1, 15, 70_000] {
            var values = numbers(count, seed: 8, scale: 3e38)
            #expect(areFinite(values))
            for bad in [Float.nan, .infinity, -.infinity] {
                for index in [0, count / 2, count - 1] {
                    let old = values[index]
                    values[index] = bad
                    #expect(!areFinite(values))
                    values[index] = old
                }
            }
        }
    }
}
