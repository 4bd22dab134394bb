internal import COpenBLAS

/// A window on a row-major matrix somewhere in memory: it owns nothing, and rows may lie apart.
///
/// The memory must outlive the view and hold every row.
public struct MatrixView {
    /// The first number of the first row.
    public let base: UnsafePointer<Float>
    /// Rows.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    /// Numbers from the start of one row to the start of the next.
    public let stride: Int

    /// A window of `rows` rows of `columns` numbers, `stride` apart.
    public init(_ base: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }
}

/// A ``MatrixView`` that can be written through.
public struct MutableMatrixView {
    /// The first number of the first row.
    public let base: UnsafeMutablePointer<Float>
    /// Rows.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    /// Numbers from the start of one row to the start of the next.
    public let stride: Int

    /// A window of `rows` rows of `columns` numbers, `stride` apart.
    public init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// The same window for reading.
    public var readOnly: MatrixView { MatrixView(base, rows: rows, columns: columns, stride: stride) }

    /// The columns `range` of the rows `rows`.
    public func part(rows: Range<Int>, columns: Range<Int>) -> MutableMatrixView {
        precondition(rows.upperBound <= self.rows && columns.upperBound <= self.columns, "a part must lie inside")
        return MutableMatrixView(
            base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count, columns: columns.count,
            stride: stride)
    }

    /// All rows of the columns `range`.
    public func part(columns range: Range<Int>) -> MutableMatrixView { part(rows: 0..<rows, columns: range) }
}

extension Matrix {
    /// `output = a * b^T`, or `output += a * b^T`: the dot product of every row of `a` with every row of `b`.
    public static func multiply(
        _ a: MatrixView, transposed b: MatrixView, into output: MutableMatrixView, adding: Bool = false
    ) {
        precondition(
            a.columns == b.columns && output.rows == a.rows && output.columns == b.rows, "shapes must fit the product")
        product(a, b, CblasTrans, output, adding)
    }

    /// `output = a * b`.
    public static func multiply(_ a: MatrixView, _ b: MatrixView, into output: MutableMatrixView) {
        precondition(
            a.columns == b.rows && output.rows == a.rows && output.columns == b.columns, "shapes must fit the product")
        product(a, b, CblasNoTrans, output, false)
    }

    private static func product(
        _ a: MatrixView, _ b: MatrixView, _ transposition: CBLAS_TRANSPOSE, _ output: MutableMatrixView, _ adding: Bool
    ) {
        guard output.rows > 0, output.columns > 0 else { return }
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposition, blasint(output.rows), blasint(output.columns),
            blasint(a.columns), 1, a.base, blasint(a.stride), b.base, blasint(b.stride), adding ? 1 : 0, output.base,
            blasint(output.stride))
    }
}
