internal import TensorOps
package import TokenCore

/// Tokens in consecutive rows of a matrix, with their lengths.
package struct TokenRows: Sendable {
    /// The matrix, `[_, channels]`.
    package let values: TensorBuffer<Float>
    /// The row of the first token.
    package let first: Int
    /// Numbers of one token.
    package let channels: Int
    /// `[count]` Euclidean lengths.
    package let norms: [Float]

    /// Number of tokens.
    package var count: Int { norms.count }

    /// Tokens whose lengths are known.
    package init(values: TensorBuffer<Float>, first: Int, channels: Int, norms: [Float]) {
        self.values = values
        self.first = first
        self.channels = channels
        self.norms = norms
    }

    /// All rows of a matrix.
    package init(_ values: TensorBuffer<Float>, channels: Int) {
        let norms = values.withUnsafeBufferPointer { Rows.norms($0, channels: channels) }
        self.init(values: values, first: 0, channels: channels, norms: norms)
    }

    /// The mean of `groups` equal parts of each token, as LongVLM compares them: a cheap stand-in for averaging the
    /// keys of attention heads.
    ///
    /// Where the channels can't be divided so, the next smaller number of parts that divides them is taken.
    func averagingChannels(groups wanted: Int) -> TokenRows {
        let groups = stride(from: min(wanted, channels), to: 1, by: -1).first { channels.isMultiple(of: $0) } ?? 1
        guard groups > 1 else { return self }
        let width = channels / groups
        let means = values.withRows(first..<first + count, channels: channels) { tokens in
            TensorBuffer<Float>(count: count * width) { means in
                means.initialize(repeating: 0)
                for token in 0..<count {
                    let mean = UnsafeMutableBufferPointer(rebasing: means[token * width..<(token + 1) * width])
                    for group in 0..<groups {
                        let start = token * channels + group * width
                        Rows.add(
                            UnsafeBufferPointer(rebasing: tokens[start..<start + width]), scale: 1 / Float(groups),
                            to: mean)
                    }
                }
            }
        }
        return TokenRows(means, channels: width)
    }
}

extension ReductionInput {
    /// The source tokens.
    var tokens: TokenRows { TokenRows(values: grid.values, first: 0, channels: channels, norms: norms) }
}

/// Some rows of a matrix: read in place where they lie at equal distances, copied next to each other where not.
struct RowSelection: Sendable {
    let count: Int
    private let values: TensorBuffer<Float>
    private let first: Int
    private let step: Int
    private let channels: Int

    init(_ rows: [Int], of tokens: TokenRows) {
        count = rows.count
        channels = tokens.channels
        let step = rows.count > 1 ? rows[1] - rows[0] : 1
        if let start = rows.first, step > 0, zip(rows, rows.dropFirst()).allSatisfy({ $1 - $0 == step }) {
            (values, first, self.step) = (tokens.values, tokens.first + start, step)
        } else {
            let gathered = tokens.values.gathering(rows.map { tokens.first + $0 }, channels: tokens.channels)
            (values, first, self.step) = (gathered, 0, 1)
        }
    }

    /// Calls `body` with some of the rows.
    ///
    /// - Precondition: `rows` is not empty.
    func withView<Result>(of rows: Range<Int>, _ body: (MatrixView) -> Result) -> Result {
        values.withUnsafeBufferPointer { values in
            let start = (first + rows.lowerBound * step) * channels
            precondition(start + ((rows.count - 1) * step + 1) * channels <= values.count, "rows lie in the matrix")
            guard let base = values.baseAddress else { preconditionFailure("a row has channels") }
            return body(MatrixView(base + start, rows: rows.count, columns: channels, stride: step * channels))
        }
    }

    /// The dot product of one row with a row of another selection.
    func product(of row: Int, with other: RowSelection, row otherRow: Int) -> Float {
        withView(of: row..<row + 1) { mine in
            other.withView(of: otherRow..<otherRow + 1) { others in
                Rows.dot(
                    UnsafeBufferPointer(start: mine.base, count: channels),
                    UnsafeBufferPointer(start: others.base, count: channels))
            }
        }
    }

    /// `[count, rows.count]` dot products with some of another selection.
    func products(with other: RowSelection, rows: Range<Int>) -> [Float] {
        guard count > 0, !rows.isEmpty else { return [] }
        return [Float](unsafeUninitializedCapacity: count * rows.count) { output, filled in
            withView(of: 0..<count) { mine in
                other.withView(of: rows) { others in
                    guard let base = output.baseAddress else { return }
                    Matrix.multiply(
                        mine, transposed: others, into: MutableMatrixView(base, rows: count, columns: rows.count))
                }
            }
            filled = count * rows.count
        }
    }

    /// The same with rows that were rounded to bf16.
    func products(with rounded: PackedMatrix) -> [Float] {
        guard count > 0 else { return [] }
        return [Float](unsafeUninitializedCapacity: count * rounded.rows) { output, filled in
            withUnsafeTemporaryAllocation(of: UInt16.self, capacity: PackedMatrix.scratchCount) { scratch in
                withView(of: 0..<count) { mine in
                    guard let base = output.baseAddress, let scratch = scratch.baseAddress else { return }
                    rounded.multiply(
                        mine, into: MutableMatrixView(base, rows: count, columns: rounded.rows), adding: false,
                        scratch: scratch)
                }
            }
            filled = count * rounded.rows
        }
    }
}

extension TensorBuffer<Float> {
    /// Calls `body` with the rows at `indices` next to each other; they are copied only if they lie apart.
    func withGatheredRows<Result>(
        _ indices: [Int], channels: Int, _ body: (UnsafeBufferPointer<Float>) -> Result
    ) -> Result {
        if let first = indices.first, indices.indices.allSatisfy({ indices[$0] == first + $0 }) {
            return withRows(first..<first + indices.count, channels: channels, body)
        }
        return gathering(indices, channels: channels).withUnsafeBufferPointer(body)
    }
}
