import TensorOps
import Testing
import TokenCore

@Suite struct TensorOpsTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 33) / Float(1 << 30)
        }
    }

    @Test(arguments: [0, 1, 7, 15, 16, 17, 31, 32, 33, 100, 3584, 3589])
    func dotProductsOfAnyLength(_ count: Int) {
        let a = numbers(count, seed: 1)
        let b = numbers(count, seed: 2)
        let exact = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let found = a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { Rows.dot(a, $0) } }
        #expect(abs(Double(found) - exact) < 1e-5 * Double(count + 1))
    }

    @Test(arguments: [1, 5, 16, 50, 131]) func rowsArePaired(_ channels: Int) {
        let a = numbers(9 * channels, seed: 3)
        let b = numbers(9 * channels, seed: 4)
        let (dots, squares) = a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { Rows.dotsAndSquares(a, $0, channels: channels) }
        }
        for row in 0..<9 {
            let range = row * channels..<(row + 1) * channels
            let dot = zip(a[range], b[range]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let square = b[range].reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(Double(dots[row]) - dot) < 1e-4 && abs(Double(squares[row]) - square) < 1e-4)
        }
    }

    @Test func productsMatchTheDefinition() {
        let a = numbers(5 * 7, seed: 5)
        let b = numbers(4 * 7, seed: 6)
        var output = [Float](repeating: .nan, count: 20)
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                output.withUnsafeMutableBufferPointer { Matrix.products(a, rows: 5, b, rows: 4, channels: 7, into: $0) }
            }
        }
        for row in 0..<5 {
            for column in 0..<4 {
                let exact = (0..<7).reduce(0.0) { $0 + Double(a[row * 7 + $1]) * Double(b[column * 7 + $1]) }
                #expect(abs(Double(output[row * 4 + column]) - exact) < 1e-5)
            }
        }
    }

    @Test func distancesMatchTheDefinition() {
        var values = numbers(6 * 11, seed: 7)
        values.replaceSubrange(33..<44, with: values[0..<11])
        let distances = values.withUnsafeBufferPointer { Matrix.distances($0, channels: 11, scale: 0.5) }
        for row in 0..<6 {
            for column in 0..<6 {
                let exact =
                    (0..<11).reduce(0.0) {
                        let difference = Double(values[row * 11 + $1]) - Double(values[column * 11 + $1])
                        return $0 + difference * difference
                    }.squareRoot() / 2
                #expect(abs(Double(distances[row * 6 + column]) - exact) < 1e-3)
            }
            #expect(distances[row * 6 + row] == 0)
        }
    }

    @Test func theFirstOfEqualMaximaWins() {
        func place(_ values: [Float]) -> Int { values.withUnsafeBufferPointer { Rows.indexOfMaximum($0) } }
        #expect(place([1, 3, 2, 3]) == 1)
        #expect(place([.nan, -5, -2]) == 2)
        #expect(place([.nan, .nan]) == 0)
        #expect(place([-.infinity]) == 0)
        #expect(place(Array(repeating: 0.5, count: 100) + [0.6] + Array(repeating: 0.6, count: 40)) == 100)
    }

    @Test func normalizedRowsHaveLengthOneAndZeroStaysZero() {
        let values = [Float](repeating: 0, count: 4) + [3, 0, 0, 4] + [1e-20, 0, 0, 0]
        let units = Rows.normalized(TensorBuffer(values), channels: 4)
        #expect(units.array[0..<8] == [0, 0, 0, 0, 0.6, 0, 0, 0.8])
    }

    @Test(arguments: [1, 2, 7]) func resultsComeInOrder(_ workers: Int) {
        #expect(Parallel.map(count: 100, workers: workers) { $0 * $0 } == (0..<100).map { $0 * $0 })
    }

    @Test func theFirstErrorIsThrown() {
        struct Failure: Error, Equatable { let index: Int }
        #expect(throws: Failure(index: 3)) {
            try Parallel.map(count: 50, workers: 4) { index throws(Failure) -> Int in
                if index >= 3 { throw Failure(index: index) }
                return index
            }
        }
    }
}
