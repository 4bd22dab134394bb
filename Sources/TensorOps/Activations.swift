internal import CKernels

/// The non-linear function between the two products of a feed-forward layer.
public enum Activation: String, Sendable, CaseIterable {
    /// `x * Phi(x)` through erf, PyTorch's default.
    case gelu
    /// The tanh approximation, `gelu_pytorch_tanh`.
    case geluTanh
    /// `x * logistic(1.702 x)`, as in the original CLIP.
    case quickGELU
    /// `x * logistic(x)`.
    case silu
}

/// Passes of a transformer over contiguous rows, between two matrix products.
public enum RowPass {
    /// `output = (input - mean) / sqrt(variance + epsilon) * gain + bias`, row by row; may run in place.
    public static func layerNorm(
        _ input: MatrixView, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float,
        into output: MutableMatrixView
    ) {
        precondition(
            input.rows == output.rows && input.columns == output.columns && output.stride == output.columns
                && input.stride == input.columns, "layer norm reads and writes whole rows")
        tr_layer_norm(input.base, input.rows, input.columns, gain, bias, epsilon, output.base)
    }

    /// `output = input / sqrt(mean of squares + epsilon) * gain`, row by row; may run in place.
    public static func rmsNorm(
        _ input: MatrixView, gain: UnsafePointer<Float>, epsilon: Float, into output: MutableMatrixView
    ) {
        precondition(
            input.rows == output.rows && input.columns == output.columns && output.stride == output.columns
                && input.stride == input.columns, "RMS norm reads and writes whole rows")
        tr_rms_norm(input.base, input.rows, input.columns, gain, epsilon, output.base)
    }

    /// `values = (values + bias) * scale`, row by row.
    public static func addBias(_ bias: UnsafePointer<Float>, scale: Float = 1, to values: MutableMatrixView) {
        precondition(values.stride == values.columns, "the pass covers whole rows")
        if scale == 1 {
            tr_add_bias(values.base, values.rows, values.columns, bias)
        } else {
            tr_add_bias_scaled(values.base, values.rows, values.columns, bias, scale)
        }
    }

    /// `values = activation(values + bias)`, row by row.
    public static func activate(
        _ activation: Activation, bias: UnsafePointer<Float>, on values: MutableMatrixView
    ) {
        precondition(values.stride == values.columns, "the pass covers whole rows")
        switch activation {
        case .gelu: tr_gelu_erf(values.base, values.rows, values.columns, bias)
        case .geluTanh: tr_gelu_tanh(values.base, values.rows, values.columns, bias)
        case .quickGELU: tr_gelu_quick(values.base, values.rows, values.columns, bias)
        case .silu: tr_silu(values.base, values.rows, values.columns, bias)
        }
    }

    /// `values *= factors + bias`, row by row: the linear half of a gated feed-forward layer.
    public static func multiply(
        _ values: MutableMatrixView, by factors: MatrixView, bias: UnsafePointer<Float>
    ) {
        precondition(
            values.rows == factors.rows && values.columns == factors.columns && values.stride == values.columns
                && factors.stride == factors.columns, "the pass covers whole rows")
        tr_multiply_biased(values.base, values.rows, values.columns, factors.base, bias)
    }

    /// Turns pairs of numbers of each head, `i` and `half + i` of its `2 * half`, by an angle of their row.
    ///
    /// - Parameters:
    ///   - values: `[rows, heads * 2 * half]`.
    ///   - cosines: `[rows, half]`.
    ///   - sines: `[rows, half]`.
    public static func rotate(
        _ values: MutableMatrixView, heads: Int, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>
    ) {
        precondition(
            values.stride == values.columns && values.columns.isMultiple(of: 2 * heads), "heads of pairs in whole rows")
        tr_rotate(values.base, values.rows, heads, values.columns / (2 * heads), cosines, sines)
    }

    /// Each row becomes `exp(x - max) / sum`.
    ///
    /// - Parameter causalFrom: Makes row `r` cover the columns up to and including `causalFrom + r`, with zeros after
    ///   them; nil covers all.
    public static func softmax(_ values: MutableMatrixView, causalFrom first: Int? = nil) {
        precondition(values.stride == values.columns && values.columns > 0, "softmax runs over whole rows")
        tr_softmax(
            values.base, values.rows, values.columns, first.map { $0 + 1 } ?? values.columns, first == nil ? 0 : 1)
    }

    /// `sums += values`, summed over the rows.
    public static func addColumnSums(of values: MatrixView, to sums: UnsafeMutablePointer<Float>) {
        for row in 0..<values.rows { tr_add_scaled(values.base + row * values.stride, 1, values.columns, sums) }
    }
}
