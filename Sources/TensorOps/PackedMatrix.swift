internal import COneDNN
internal import TokenCore

/// A matrix laid out once for products with many rows, in single precision or rounded to bf16.
///
/// In bf16 both factors are rounded, to nearest, ties to even, and sums run in single precision; that takes half the
/// memory and half the time or less. Sums follow an order that depends on shapes and processor only. On oneDNN, whose
/// kernels come closer to what a processor can do than a product that lays out both factors every time.
public final class PackedMatrix: Sendable {
    /// Rows of the matrix, which are columns of the product.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    /// Whether factors are rounded to bf16.
    public let isRounded: Bool
    private let packed: TensorBuffer<UInt8>

    /// Whether this processor has instructions for products in bf16 (AVX512_BF16 or AMX).
    public static var canRound: Bool { tr_packs(1) != 0 }
    /// Numbers that ``multiply(_:into:adding:scratch:)`` needs to work in.
    public static let scratchCount = 1 << 20
    /// Rows that are multiplied at a time: enough for full speed, few enough for many threads and a core's cache.
    public static let rowsPerBlock = 128

    /// Lays out a matrix; nil where that can't be done, which may depend on the processor.
    public init?(_ matrix: MatrixView, isRounded: Bool) {
        guard matrix.rows > 0, matrix.columns > 0, tr_packs(isRounded ? 1 : 0) != 0 else { return nil }
        let bytes = tr_packed_bytes(matrix.rows, matrix.columns, isRounded ? 1 : 0)
        guard bytes > 0 else { return nil }
        rows = matrix.rows
        columns = matrix.columns
        self.isRounded = isRounded
        var status: Int32 = 0
        packed = TensorBuffer(count: bytes) { packed in
            status = tr_pack(
                matrix.base, matrix.rows, matrix.columns, matrix.stride, isRounded ? 1 : 0, packed.baseAddress)
        }
        guard status == 0 else { return nil }
    }

    /// `output = input * self^T`, or `output += input * self^T`.
    ///
    /// Rows must follow one another; those of an input that will be rounded may lie apart.
    ///
    /// - Parameter scratch: ``scratchCount`` numbers that nobody else uses meanwhile.
    public func multiply(
        _ input: MatrixView, into output: MutableMatrixView, adding: Bool = false,
        scratch: UnsafeMutablePointer<UInt16>
    ) {
        precondition(
            input.columns == columns && output.columns == rows && output.rows == input.rows
                && columns <= Self.scratchCount, "shapes must fit the product")
        precondition(
            (isRounded || input.stride == columns) && output.stride == rows, "the product covers whole rows")
        let height = min(Self.rowsPerBlock, Self.scratchCount / columns)
        packed.withUnsafeBufferPointer { packed in
            for block in Rows.blocks(of: input.rows, size: height) {
                let part = input.part(rows: block)
                if isRounded {
                    Matrix.round(part, into: MutableRoundedView(scratch, rows: block.count, columns: columns))
                }
                let status = tr_packed_multiply(
                    isRounded ? UnsafeRawPointer(scratch) : UnsafeRawPointer(part.base), block.count,
                    packed.baseAddress, rows, columns, isRounded ? 1 : 0, adding ? 1 : 0,
                    output.part(rows: block).base)
                precondition(status == 0, "oneDNN gave status \(status) to a product that it laid out")
            }
        }
    }
}
