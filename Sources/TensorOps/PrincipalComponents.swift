public import TokenCore

/// The directions in which the rows of a matrix differ the most from their mean.
///
/// Subspace iteration from a few random directions more than are asked for (Halko, Martinsson & Tropp, 2011), then an
/// exact turn onto the axes by Jacobi's method. Exact when as many directions are carried as the matrix has rows or
/// columns. The same input gives the same axes; the largest part of each is positive.
/// Shapes: `[N, D]` to `count` axes of D. Cost: O(N D count) a step.
public struct PrincipalComponents: Sendable {
    /// `[channels]`: the mean row.
    public let mean: [Float]
    /// `[count, channels]`: orthogonal unit axes, the most telling first; zero where the rows have no such direction.
    public let axes: [Float]
    /// `[count]`: mean squared coefficient along each axis.
    public let variances: [Float]

    /// Number of axes.
    public var count: Int { variances.count }

    private static let spare = 8
    private static let steps = 6

    /// Finds up to `count` axes, no more than there are rows or columns.
    public init(of values: TensorBuffer<Float>, channels: Int, count: Int) {
        let rows = values.count / channels
        var sums = [Double](repeating: 0, count: channels)
        values.withUnsafeBufferPointer { for index in $0.indices { sums[index % channels] += Double($0[index]) } }
        let mean = sums.map { Float($0 / Double(max(rows, 1))) }
        let carried = min(count + Self.spare, rows, channels)
        var generator = SplitMix64(state: 0)
        var axes = (0..<carried * channels).map { _ -> Float in Bool.random(using: &generator) ? 1 : -1 }
        Self.orthonormalize(&axes, channels)
        for _ in 0..<Self.steps {
            let coefficients = Self.coefficients(of: values, mean, axes, channels)
            axes = Self.combination(coefficients, values, mean, terms: carried)
            Self.orthonormalize(&axes, channels)
        }
        let coefficients = Self.coefficients(of: values, mean, axes, channels)
        var moments = [Double](repeating: 0, count: carried * carried)
        for row in 0..<rows {
            for i in 0..<carried {
                let left = Double(coefficients[row * carried + i])
                for j in 0...i { moments[i * carried + j] += left * Double(coefficients[row * carried + j]) }
            }
        }
        for i in 0..<carried { for j in 0..<i { moments[j * carried + i] = moments[i * carried + j] } }
        let turn = Self.eigenvectors(of: &moments, size: carried)
        let order = (0..<carried).sorted {
            (moments[$0 * carried + $0], $1) > (moments[$1 * carried + $1], $0)
        }.prefix(count)
        self.mean = mean
        variances = order.map { Float(max(moments[$0 * carried + $0], 0) / Double(max(rows, 1))) }
        self.axes = order.flatMap { column -> [Float] in
            var axis = [Double](repeating: 0, count: channels)
            for i in 0..<carried {
                let weight = turn[i * carried + column]
                for channel in 0..<channels { axis[channel] += weight * Double(axes[i * channels + channel]) }
            }
            let largest = axis.indices.reduce(0) { abs(axis[$1]) > abs(axis[$0]) ? $1 : $0 }
            return axis.map { Float(axis[largest] < 0 ? -$0 : $0) }
        }
    }

    /// `[N, count]`: how far each row lies from the mean along each axis.
    public func coefficients(of values: TensorBuffer<Float>) -> [Float] {
        Self.coefficients(of: values, mean, axes, mean.count)
    }

    // MARK: Steps

    private static func coefficients(
        of values: TensorBuffer<Float>, _ mean: [Float], _ axes: [Float], _ channels: Int
    ) -> [Float] {
        let terms = axes.count / channels
        return axes.withUnsafeBufferPointer { axes in
            let middle = mean.withUnsafeBufferPointer {
                Matrix.products($0, rows: 1, axes, rows: terms, channels: channels)
            }
            var products = values.withUnsafeBufferPointer {
                Matrix.products($0, rows: $0.count / channels, axes, rows: terms, channels: channels)
            }
            for index in products.indices { products[index] -= middle[index % terms] }
            return products
        }
    }

    /// `[terms, channels]`: the rows, less their mean, added up with the coefficients of each term.
    private static func combination(
        _ coefficients: [Float], _ values: TensorBuffer<Float>, _ mean: [Float], terms: Int
    ) -> [Float] {
        let channels = mean.count
        let rows = values.count / channels
        var turned = [Float](repeating: 0, count: coefficients.count)
        for row in 0..<rows { for term in 0..<terms { turned[term * rows + row] = coefficients[row * terms + term] } }
        let totals = (0..<terms).map { term in turned[term * rows..<(term + 1) * rows].reduce(Float(0), +) }
        var sums = [Float](repeating: 0, count: terms * channels)
        sums.withUnsafeMutableBufferPointer { sums in
            turned.withUnsafeBufferPointer { turned in
                values.withUnsafeBufferPointer { values in
                    guard let a = turned.baseAddress, let b = values.baseAddress, let c = sums.baseAddress else {
                        return
                    }
                    Matrix.multiply(
                        MatrixView(a, rows: terms, columns: rows), MatrixView(b, rows: rows, columns: channels),
                        into: MutableMatrixView(c, rows: terms, columns: channels))
                }
            }
            for index in sums.indices { sums[index] -= totals[index / channels] * mean[index % channels] }
        }
        return sums
    }

    /// Gram-Schmidt, each row twice; a row that depends on those before it becomes zero.
    private static func orthonormalize(_ axes: inout [Float], _ channels: Int) {
        axes.withUnsafeMutableBufferPointer { axes in
            func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
                UnsafeMutableBufferPointer(rebasing: axes[index * channels..<(index + 1) * channels])
            }
            for index in 0..<axes.count / channels {
                let own = row(index)
                let before = Rows.dot(UnsafeBufferPointer(own), UnsafeBufferPointer(own)).squareRoot()
                for _ in 0..<2 {
                    for other in 0..<index {
                        let other = UnsafeBufferPointer(row(other))
                        Rows.add(other, scale: -Rows.dot(other, UnsafeBufferPointer(own)), to: own)
                    }
                }
                let after = Rows.dot(UnsafeBufferPointer(own), UnsafeBufferPointer(own)).squareRoot()
                let scale = after > 1e-5 * before ? 1 / after : 0
                Rows.scale(UnsafeBufferPointer(own), by: scale, into: own)
            }
        }
    }

    /// Jacobi's method: turns pairs of axes until the symmetric matrix is diagonal; gives the turn, a column an axis.
    private static func eigenvectors(of matrix: inout [Double], size: Int) -> [Double] {
        var turn = [Double](repeating: 0, count: size * size)
        for i in 0..<size { turn[i * size + i] = 1 }
        for _ in 0..<30 {
            var (off, diagonal) = (0.0, 0.0)
            for i in 0..<size {
                for j in 0..<i { off += matrix[i * size + j] * matrix[i * size + j] }
                diagonal += matrix[i * size + i] * matrix[i * size + i]
            }
            if off <= 1e-22 * diagonal { break }
            for p in 0..<size {
                for q in p + 1..<max(size, p + 1) where matrix[p * size + q] != 0 {
                    rotate(&matrix, &turn, p, q, size)
                }
            }
        }
        return turn
    }

    private static func rotate(_ matrix: inout [Double], _ turn: inout [Double], _ p: Int, _ q: Int, _ size: Int) {
        let theta = (matrix[q * size + q] - matrix[p * size + p]) / (2 * matrix[p * size + q])
        let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in 0..<size {
            let (a, b) = (matrix[k * size + p], matrix[k * size + q])
            matrix[k * size + p] = cosine * a - sine * b
            matrix[k * size + q] = sine * a + cosine * b
        }
        for k in 0..<size {
            let (a, b) = (matrix[p * size + k], matrix[q * size + k])
            matrix[p * size + k] = cosine * a - sine * b
            matrix[q * size + k] = sine * a + cosine * b
        }
        for k in 0..<size {
            let (a, b) = (turn[k * size + p], turn[k * size + q])
            turn[k * size + p] = cosine * a - sine * b
            turn[k * size + q] = sine * a + cosine * b
        }
    }
}
