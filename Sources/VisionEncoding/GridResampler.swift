internal import TensorOps

/// A linear map from a grid of vectors to one of other rows and columns, each axis on its own.
struct GridResampler: Sendable {
    /// For each cell along an axis of the result: the first cell that it reads, and the shares of those from there on.
    private typealias Taps = [(first: Int, shares: [Float])]

    private let down: Taps
    private let across: Taps
    private let source: (rows: Int, columns: Int)
    /// Rows of the result.
    var rows: Int { down.count }
    /// Columns of the result.
    var columns: Int { across.count }

    /// Bilinear sampling of a square grid down to half its side, rounded up, with corners not aligned, as
    /// LLaVA-OneVision does.
    ///
    /// Target `i` reads `(i + 0.5) * side / target - 0.5`, at least 0, between its two neighbours: a sample of two by two,
    /// not an area's mean.
    init(halving side: Int) {
        let target = (side + 1) / 2
        let scale = Float(side) / Float(target)
        down = (0..<target).map { index in
            let place = max((Float(index) + 0.5) * scale - 0.5, 0)
            let low = min(Int(place), side - 1)
            let share = place - Float(low)
            return (low, low + 1 < side ? [1 - share, share] : [1])
        }
        across = down
        source = (side, side)
    }

    /// Means by area: a cell of the result is the mean of what it covers of the source, edges by their share, so no vector
    /// is lost however much smaller the result is.
    init(averaging source: (rows: Int, columns: Int), to target: (rows: Int, columns: Int)) {
        down = AreaAverage.shares(of: source.rows, into: target.rows)
        across = AreaAverage.shares(of: source.columns, into: target.columns)
        self.source = source
    }

    /// Maps a grid of vectors, `[source rows * source columns, channels]` to `[rows * columns, channels]`.
    func map(_ cells: MatrixView, into output: MutableMatrixView) {
        precondition(cells.rows == source.rows * source.columns && output.rows == rows * columns, "grids must fit")
        var target = 0
        for (top, vertical) in down {
            for (left, horizontal) in across {
                let sum = UnsafeMutableBufferPointer(start: output.base + target * output.stride, count: output.columns)
                sum.update(repeating: 0)
                for (row, tall) in vertical.enumerated() {
                    for (column, wide) in horizontal.enumerated() {
                        let cell = (top + row) * source.columns + left + column
                        Rows.add(
                            UnsafeBufferPointer(start: cells.base + cell * cells.stride, count: cells.columns),
                            scale: tall * wide, to: sum)
                    }
                }
                target += 1
            }
        }
    }

    /// The same for arrays, of vectors of `channels` numbers.
    func map(_ values: [Float], channels: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows * columns * channels) { output, count in
            values.withUnsafeBufferPointer { values in
                if let source = values.baseAddress, let target = output.baseAddress {
                    map(
                        MatrixView(source, rows: values.count / channels, columns: channels),
                        into: MutableMatrixView(target, rows: rows * columns, columns: channels))
                }
            }
            count = rows * columns * channels
        }
    }
}
