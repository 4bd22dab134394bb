internal import CKernels
public import TokenCore

/// Passes over the rows of a row-major matrix.
public enum Rows {
    /// Dot product of two vectors of equal length.
    public static func dot(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>) -> Float {
        precondition(a.count == b.count, "vectors must have the same length")
        guard let x = a.baseAddress, let y = b.baseAddress else { return 0 }
        return tr_dot(x, y, a.count)
    }

    /// For each row: the dot product of `a` and `b`, and the squared length of `b`, reading both once.
    public static func dotsAndSquares(
        _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, channels: Int
    ) -> (dots: [Float], squares: [Float]) {
        precondition(a.count == b.count && a.count.isMultiple(of: channels), "matrices must have the same shape")
        let rows = a.count / channels
        var dots = [Float](repeating: 0, count: rows)
        var squares = dots
        if let x = a.baseAddress, let y = b.baseAddress {
            tr_dot_and_square_rows(x, y, rows, channels, &dots, &squares)
        }
        return (dots, squares)
    }

    /// Length of each row.
    public static func norms(_ values: UnsafeBufferPointer<Float>, channels: Int) -> [Float] {
        dotsAndSquares(values, values, channels: channels).squares.map { $0.squareRoot() }
    }

    /// Each row divided by its length; a zero row stays zero.
    public static func normalized(_ values: TensorBuffer<Float>, channels: Int, workers: Int = 1) -> TensorBuffer<Float>
    {
        let rows = values.count / channels
        let norms = blocks(of: rows, size: 256).mapParallel(workers: workers) { block in
            values.withRows(block, channels: channels) { self.norms($0, channels: channels) }
        }.flatMap { $0 }
        return values.withUnsafeBufferPointer { input in
            TensorBuffer(count: values.count) { output in
                guard let source = input.baseAddress, let target = output.baseAddress else { return }
                for row in 0..<rows {
                    let scale = norms[row] > 0 ? 1 / norms[row] : 0
                    tr_scale(source + row * channels, scale, channels, target + row * channels)
                }
            }
        }
    }

    /// `output += scale * input`, element by element.
    public static func add(
        _ input: UnsafeBufferPointer<Float>, scale: Float, to output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(input.count == output.count, "vectors must have the same length")
        guard let source = input.baseAddress, let target = output.baseAddress else { return }
        tr_add_scaled(source, scale, input.count, target)
    }

    /// `output = scale * input`, element by element.
    public static func scale(
        _ input: UnsafeBufferPointer<Float>, by scale: Float, into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(input.count == output.count, "vectors must have the same length")
        guard let source = input.baseAddress, let target = output.baseAddress else { return }
        tr_scale(source, scale, input.count, target)
    }

    /// The first index of the largest value.
    ///
    /// - Precondition: `values` is not empty.
    public static func indexOfMaximum(_ values: UnsafeBufferPointer<Float>) -> Int {
        guard let base = values.baseAddress, !values.isEmpty else { preconditionFailure("no values to choose from") }
        return tr_argmax(base, values.count)
    }

    /// `0 ..< count` cut into ranges of `size`, the last one shorter.
    ///
    /// The cut never depends on the number of workers.
    public static func blocks(of count: Int, size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }
}

extension Array where Element: Sendable {
    /// The results of `body` for each element, in order, by up to `workers` threads.
    public func mapParallel<Result: Sendable>(workers: Int, _ body: @Sendable (Element) -> Result) -> [Result] {
        Parallel.map(count: count, workers: workers) { body(self[$0]) }
    }
}

extension TensorBuffer<Float> {
    /// Calls `body` with some rows of a row-major matrix.
    public func withRows<Result, Failure: Error>(
        _ rows: Range<Int>, channels: Int, _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { values throws(Failure) in
            try body(UnsafeBufferPointer(rebasing: values[rows.lowerBound * channels..<rows.upperBound * channels]))
        }
    }

    /// The rows at `indices`, copied next to each other.
    public func gathering(_ indices: [Int], channels: Int) -> TensorBuffer<Float> {
        withUnsafeBufferPointer { values in
            TensorBuffer(count: indices.count * channels) { output in
                guard let source = values.baseAddress, let target = output.baseAddress else { return }
                for (row, index) in indices.enumerated() {
                    precondition(index >= 0 && (index + 1) * channels <= values.count, "row out of range")
                    (target + row * channels).initialize(from: source + index * channels, count: channels)
                }
            }
        }
    }
}
