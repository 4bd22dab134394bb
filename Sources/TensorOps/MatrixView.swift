internal import CKernels
internal import COneDNN
internal import COpenBLAS

/// A window on a row-major matrix somewhere in memory: it owns nothing, and rows may lie apart.
///
/// The memory must outlive the view and hold every row.
public struct MatrixWindow<Number> {
    /// The first number of the first row.
    public let base: UnsafePointer<Number>
    /// Rows.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    /// Numbers from the start of one row to the start of the next.
    public let stride: Int

    /// A window of `rows` rows of `columns` numbers, `stride` apart.
    public init(_ base: UnsafePointer<Number>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// All columns of the rows `range`.
    public func part(rows range: Range<Int>) -> Self {
        precondition(range.upperBound <= rows, "a part must lie inside")
        return Self(base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }
}

/// A ``MatrixWindow`` that can be written through.
public struct MutableMatrixWindow<Number> {
    /// The first number of the first row.
    public let base: UnsafeMutablePointer<Number>
    /// Rows.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    /// Numbers from the start of one row to the start of the next.
    public let stride: Int

    /// A window of `rows` rows of `columns` numbers, `stride` apart.
    public init(_ base: UnsafeMutablePointer<Number>, rows: Int, columns: Int, stride: Int? = nil) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// The same window for reading.
    public var readOnly: MatrixWindow<Number> { MatrixWindow(base, rows: rows, columns: columns, stride: stride) }

    /// The columns `range` of the rows `rows`.
    public func part(rows: Range<Int>, columns: Range<Int>) -> Self {
        precondition(rows.upperBound <= self.rows && columns.upperBound <= self.columns, "a part must lie inside")
        return Self(
            base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count, columns: columns.count,
            stride: stride)
    }

    /// All columns of the rows `range`.
    public func part(rows range: Range<Int>) -> Self { part(rows: range, columns: 0..<columns) }

    /// All rows of the columns `range`.
    public func part(columns range: Range<Int>) -> Self { part(rows: 0..<rows, columns: range) }
}

/// A window on single precision.
public typealias MatrixView = MatrixWindow<Float>
/// A ``MatrixView`` that can be written through.
public typealias MutableMatrixView = MutableMatrixWindow<Float>
/// A window on bf16, as bits.
public typealias RoundedView = MatrixWindow<UInt16>
/// A ``RoundedView`` that can be written through.
public typealias MutableRoundedView = MutableMatrixWindow<UInt16>

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

/// Products in bf16, where ``PackedMatrix/canRound``: factors are rounded, sums run in single precision.
extension Matrix {
    /// Rounds to nearest, ties to even.
    public static func round(_ matrix: MatrixView, into output: MutableRoundedView) {
        precondition(
            matrix.rows == output.rows && matrix.columns == output.columns && output.stride == output.columns,
            "rounding writes whole rows")
        tr_round_to_bf16(matrix.base, matrix.rows, matrix.columns, matrix.stride, output.base)
    }

    /// `output = a * b^T`.
    public static func multiply(_ a: RoundedView, transposed b: RoundedView, into output: MutableMatrixView) {
        precondition(
            a.columns == b.columns && output.rows == a.rows && output.columns == b.rows, "shapes must fit the product")
        product(a, b, strides: (b.stride, 1), output)
    }

    /// `output = a * b`.
    public static func multiply(_ a: RoundedView, _ b: RoundedView, into output: MutableMatrixView) {
        precondition(
            a.columns == b.rows && output.rows == a.rows && output.columns == b.columns, "shapes must fit the product")
        product(a, b, strides: (1, b.stride), output)
    }

    private static func product(
        _ a: RoundedView, _ b: RoundedView, strides: (output: Int, input: Int), _ output: MutableMatrixView
    ) {
        guard output.rows > 0, output.columns > 0 else { return }
        let status = tr_bf16_multiply(
            a.base, a.rows, a.stride, b.base, output.columns, a.columns, strides.output, strides.input, output.base,
            output.stride)
        precondition(status == 0, "oneDNN gave status \(status) to a product in bf16")
    }
}
