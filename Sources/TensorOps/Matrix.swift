internal import CKernels
internal import COpenBLAS

/// Dense row-major products on OpenBLAS, one thread a call: the pipeline owns parallelism.
public enum Matrix {
    // OpenBLAS would otherwise start a pool of its own inside every worker, and its sums would follow the thread count.
    static let singleThreaded: Void = openblas_set_num_threads(1)

    /// `output[m, n] = a[m, k] * b[n, k]^T`: the dot product of every row of `a` with every row of `b`.
    ///
    /// - Precondition: Each buffer holds at least the stated number of elements.
    public static func products(
        _ a: UnsafeBufferPointer<Float>, rows m: Int, _ b: UnsafeBufferPointer<Float>, rows n: Int, channels k: Int,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(a.count >= m * k && b.count >= n * k && output.count >= m * n, "buffers must fit the product")
        guard m > 0, n > 0 else { return }
        _ = singleThreaded
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(n), blasint(k), 1, a.baseAddress, blasint(k),
            b.baseAddress, blasint(k), 0, output.baseAddress, blasint(n))
    }

    /// The same as an array of `m * n` numbers.
    public static func products(
        _ a: UnsafeBufferPointer<Float>, rows m: Int, _ b: UnsafeBufferPointer<Float>, rows n: Int, channels k: Int
    ) -> [Float] {
        [Float](unsafeUninitializedCapacity: m * n) { output, count in
            products(a, rows: m, b, rows: n, channels: k, into: output)
            count = m * n
        }
    }

    /// `[n, n]` Euclidean distances between the rows of `values [n, channels]`, times `scale`.
    ///
    /// Uses `|x|^2 + |y|^2 - 2xy`, clamped at zero, with an exact zero diagonal.
    public static func distances(_ values: UnsafeBufferPointer<Float>, channels: Int, scale: Float) -> [Float] {
        let n = values.count / channels
        guard n > 0 else { return [] }
        return [Float](unsafeUninitializedCapacity: n * n) { output, count in
            products(values, rows: n, values, rows: n, channels: channels, into: output)
            let squares = (0..<n).map { output[$0 * n + $0] }
            if let base = output.baseAddress { tr_gram_to_distances(base, squares, n, scale) }
            count = n * n
        }
    }
}
