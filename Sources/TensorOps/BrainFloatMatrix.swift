internal import CKernels
internal import TokenCore

/// A weight matrix in bf16, laid out once for processors that multiply pairs of bf16 in one instruction.
///
/// Factors are rounded to bf16, nearest even; sums run in single precision in an order that depends only on the shapes.
/// Takes half the memory of single precision, and a half to a third of the time.
public final class BrainFloatMatrix: Sendable {
    /// Rows of the matrix, which are columns of the product.
    public let rows: Int
    /// Numbers of a row.
    public let columns: Int
    private let packed: TensorBuffer<UInt32>

    /// Words that ``multiply(_:into:adding:workspace:)`` needs to work in.
    public static var workspaceCount: Int { Int(tr_bf16_workspace) }
    /// Whether this processor has the instructions (AVX512_BF16).
    public static var isSupported: Bool { tr_bf16_is_supported() != 0 }

    /// Rounds and lays out a matrix; nil where the processor lacks the instructions.
    public init?(_ matrix: MatrixView) {
        guard Self.isSupported else { return nil }
        rows = matrix.rows
        columns = matrix.columns
        packed = TensorBuffer(count: Self.packedCount(rows: matrix.rows, columns: matrix.columns)) { packed in
            if let target = packed.baseAddress { Self.pack(matrix, into: target) }
        }
    }

    /// `output = input * self^T`, or `output += input * self^T`.
    ///
    /// - Parameter workspace: ``workspaceCount`` words that nobody else uses meanwhile.
    public func multiply(
        _ input: MatrixView, into output: MutableMatrixView, adding: Bool, workspace: UnsafeMutablePointer<UInt32>
    ) {
        precondition(input.columns == columns && output.columns == rows, "shapes must fit the product")
        packed.withUnsafeBufferPointer { packed in
            guard let packed = packed.baseAddress else { return }
            Self.multiply(input, packed: packed, into: output, adding: adding, workspace: workspace)
        }
    }

    // MARK: In memory of the caller's

    /// Words that a matrix takes once it is laid out.
    public static func packedCount(rows: Int, columns: Int) -> Int { tr_bf16_packed_count(rows, columns) }

    /// Rounds and lays out a matrix.
    ///
    /// - Precondition: ``isSupported``, and `output` holds ``packedCount(rows:columns:)`` words.
    public static func pack(_ matrix: MatrixView, into output: UnsafeMutablePointer<UInt32>) {
        tr_bf16_pack(matrix.base, matrix.rows, matrix.columns, matrix.stride, output)
    }

    /// Rounds and lays out the transpose of a matrix.
    ///
    /// - Precondition: ``isSupported``, and `output` holds the words of the transpose.
    public static func pack(transposeOf matrix: MatrixView, into output: UnsafeMutablePointer<UInt32>) {
        tr_bf16_pack_transposed(matrix.base, matrix.columns, matrix.rows, matrix.stride, output)
    }

    /// `output = input * B^T`, or `output += input * B^T`, for a `B` of `output.columns` rows that was laid out.
    public static func multiply(
        _ input: MatrixView, packed: UnsafePointer<UInt32>, into output: MutableMatrixView, adding: Bool,
        workspace: UnsafeMutablePointer<UInt32>
    ) {
        precondition(output.rows == input.rows, "shapes must fit the product")
        tr_bf16_multiply(
            input.base, input.rows, input.columns, input.stride, packed, output.columns, adding ? 1 : 0, output.base,
            output.stride, workspace)
    }
}
